"""What a running stage may say to, and ask of, the job that runs it."""

from collections.abc import Callable
from dataclasses import dataclass, field

ProgressCallback = Callable[[float, int], None]


def _silent(_fraction: float, _frames: int) -> None:
    return None


def _silent_note(_sentence: str) -> None:
    return None


@dataclass(frozen=True)
class StageContext:
    """Passed to every stage.

    Attributes:
        device: torch device to compute on, e.g. `"cpu"` or `"cuda"`.
        progress: called between batches as `progress(fraction, frames_done)`, fraction in 0..1. It raises
            `protocol.errors.Cancelled` when the job was cancelled; a stage lets that through.
        note: called with a sentence that the person should read next to the result (a fallback taken, say).
        batch_scale: 0..1; a stage multiplies the size of its batches by this. Below 1 after memory ran out.
    """

    device: str = "cpu"
    progress: ProgressCallback = field(default=_silent)
    note: Callable[[str], None] = field(default=_silent_note)
    batch_scale: float = 1.0
