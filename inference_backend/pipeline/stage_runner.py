"""Runs one stage: from the cache when it can, with progress, cancelling, notes and less memory when that runs out."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..protocol.errors import Cancelled, ErrorCode, RecoverError
from ..records.context import StageContext
from .cache import StageCache, key_of
from .device import attempts, free_memory, is_out_of_memory
from .heap import Heap
from .progress import JobProgress

_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Output(Generic[T]):
    """What a stage made, and the key that says from what."""

    value: T
    key: str


class StageRunner:
    """Runs the stages of one job.

    Attributes:
        notes: sentences for the person, in order, each once; those of reused stages included.
        device: what the next stages compute on first.
    """

    def __init__(
        self,
        cache: StageCache,
        device: str,
        progress: JobProgress,
        cancelled: threading.Event,
        note: Callable[[str], None],
    ) -> None:
        self.notes: list[str] = []
        self.device = device
        self._cache, self._progress, self._cancelled, self._note = cache, progress, cancelled, note
        self._cache_failed = False
        self._heap = Heap()

    def run(
        self,
        stage: str,
        version: int,
        work: Callable[[StageContext], T],
        *,
        inputs: Sequence[str],
        settings: Any,
        weights: str = "",
        part: tuple[float, float] = (0.0, 1.0),
    ) -> Output[T]:
        """The output of a stage.

        Args:
            stage: its name, of `progress.STAGE_SHARES`.
            version: its VERSION.
            work: calls the stage.
            inputs: keys of what goes in, in order.
            settings: of the stage.
            weights: checksum of the weights and models it runs.
            part: which part of the stage this is (one of several people), 0..1.

        Raises:
            Cancelled: between two batches.
            RecoverError: what the stage raises; `OUT_OF_MEMORY` when no attempt fits.
        """
        self.check_cancelled()
        key = key_of(stage, version, settings, list(inputs), weights)
        kept = self._cache.load(stage, key)
        if isinstance(kept, dict) and kept.keys() == {"value", "notes"}:
            self._progress.reused(stage, part[1])
            for sentence in kept["notes"]:
                self.say(sentence)
            return Output(kept["value"], key)
        started, notes = time.monotonic(), []
        value = self._attempt(stage, work, notes, part)
        _log.info("stage %s took %.2f s", stage, time.monotonic() - started)
        if not self._cache.save(stage, key, {"value": value, "notes": notes}) and not self._cache_failed:
            self._cache_failed = True
            self.say(
                f"Finished stages could not be kept in {self._cache.folder} (is the disk full, or the folder "
                "read-only?), so running this clip again takes the whole time again."
            )
        self._heap.trim()
        return Output(value, key)

    def say(self, sentence: str) -> None:
        """Tell the person something, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)
            self._note(sentence)

    def check_cancelled(self) -> None:
        """Raise `Cancelled` when the job was cancelled."""
        if self._cancelled.is_set():
            raise Cancelled

    def _attempt(self, stage: str, work: Callable[[StageContext], Any], notes: list[str], part: tuple) -> Any:
        for device, scale in (tries := attempts(self.device)):
            if (device, scale) != tries[0]:
                how = "on the CPU" if device != self.device else "in smaller batches"
                self.say(f"Memory was not enough for the stage {stage}, so it was run again {how}.")
            notes.clear()
            report = self._progress.stage(stage, *part)

            def progress(fraction: float, frames: int, report: Callable = report) -> None:
                self.check_cancelled()
                self._heap.tick()
                report(fraction, frames)

            def note(sentence: str) -> None:
                notes.append(sentence)
                self.say(sentence)

            try:
                value = work(StageContext(device, progress, note, scale))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                _log.warning("stage %s on %s at batch scale %g: %s", stage, device, scale, error)
            else:
                report(1.0, 0)
                return value
            free_memory(device)
        raise RecoverError(
            ErrorCode.OUT_OF_MEMORY,
            f"There is not enough memory for the stage {stage}, even in small batches on the CPU.",
            "Close other programs, or recover a shorter range or fewer people at a time.",
        )
