"""What another estimator contributes to MoRo's decoding of a clip."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Guide:
    """Guidance for T frames.

    Attributes:
        ids: int64 `[T,P]`, seed tokens, MASK where there is none; None: no seeds.
        scores: `[T,P]`, 0..1, how sure each seed is. Seeds are known in the first step; later they compete with the
            tokens that were decoded, and the least certain of all are masked again.
        coarse: called with a slice of frames and MoRo's own coarse pelvis path there, `[N,3]`, camera frame, metres;
            returns the path to start from. None: its own.
    """

    ids: Tensor | None = None
    scores: Tensor | None = None
    coarse: Callable[[slice, Tensor], Tensor] | None = None

    def window(self, start: int, stop: int) -> "Guide":
        """The guidance of frames start .. stop - 1; `coarse` then takes slices of these."""
        coarse = self.coarse

        def shifted(frames: slice, path: Tensor) -> Tensor:
            return coarse(slice(frames.start + start, frames.stop + start), path)

        cut = [None if x is None else x[start:stop] for x in (self.ids, self.scores)]
        return Guide(*cut, None if coarse is None else shifted)
