"""How far a job is: from the fractions of its stages to one bar, a speed and the time left."""

import time
from collections.abc import Callable
from typing import Final

from ..protocol.messages import Progress

STAGE_SHARES: Final[dict[str, float]] = {
    "frames": 1,
    "shots": 5,
    "people": 68,
    "background": 5,
    "camera": 0.5,
    "estimate": 21,
    "convert": 0.5,
    "world": 1,
    "trajectory": 1,
    "contacts": 0.5,
    "foot_lock": 2,
    "physics": 3,
    "result": 2,
}
"""The stages in their order, and about how much of a job's time each takes (percent, measured on a CPU)."""

_INTERVAL_S: Final[float] = 0.2
_STARTS: Final[dict[str, float]] = {
    name: sum(list(STAGE_SHARES.values())[:i]) / sum(STAGE_SHARES.values()) for i, name in enumerate(STAGE_SHARES)
}


class JobProgress:
    """Turns what stages say into `Progress` messages, a few a second at most."""

    def __init__(
        self, job: str, report: Callable[[Progress], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin.

        Args:
            job: the job's name.
            report: receives the messages.
            clock: seconds, never falling.
        """
        self._job, self._report, self._clock = job, report, clock
        self._overall = 0.0
        self._worked_s = 0.0
        self._worked_share = 0.0
        self._last_report = -1e9

    def stage(self, name: str, begin: float = 0.0, end: float = 1.0) -> Callable[[float, int], None]:
        """Announce that a stage starts to work, or its part for one person.

        Args:
            name: of `STAGE_SHARES`.
            begin, end: the part of the stage that this call covers, 0..1.

        Returns:
            A function to call with that part's fraction done (0..1) and its number of frames done.
        """
        started, previous = self._clock(), self._worked_s
        share = STAGE_SHARES[name] / sum(STAGE_SHARES.values())
        work_before, best = self._worked_share, 0.0

        def progress(fraction: float, frames: int) -> None:
            nonlocal best
            best = max(best, min(max(float(fraction), 0.0), 1.0))
            elapsed = self._clock() - started
            self._worked_s = previous + elapsed
            self._worked_share = work_before + best * (end - begin) * share
            speed = frames / elapsed if frames > 0 and elapsed > 0 else None
            self._send(name, begin + best * (end - begin), speed, urgent=best in (0.0, 1.0))

        progress(0.0, 0)
        return progress

    def reused(self, name: str, end: float = 1.0) -> None:
        """Announce that a stage's output (or one person's part of it, up to `end`) came from the cache."""
        self._send(name, end, None, urgent=True, reused=True)

    def _send(self, name: str, fraction: float, speed: float | None, *, urgent: bool, reused: bool = False) -> None:
        share = STAGE_SHARES[name] / sum(STAGE_SHARES.values())
        self._overall = min(1.0, max(self._overall, _STARTS[name] + fraction * share))
        now = self._clock()
        if not urgent and now - self._last_report < _INTERVAL_S:
            return
        self._last_report = now
        left = None
        if self._worked_s > 1.0 and self._worked_share > 0.005:
            left = self._worked_s * (1.0 - self._overall) / self._worked_share
        self._report(Progress(self._job, name, fraction, self._overall, speed, left, reused))
