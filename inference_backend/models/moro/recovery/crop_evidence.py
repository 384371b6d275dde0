"""RGB crops through the image backbone as evidence: the research configuration's eyes."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..evidence.window import WindowEvidence, no_turn
from ..network import Moro

_BATCH = {"cuda": 64}
_BATCH_ELSEWHERE = 8


class CropSource:
    """Crops of a person through a clip as evidence; each crop goes through the backbone once.

    Windows must be asked for in rising order: features of frames before a window are forgotten.

    Args:
        model: the network with its backbone.
        crops: yields the clip's crops in order, uint8 `[S,S,3]`, RGB.
        box: `[T,3]`, box feature.
        progress: called with the number of frames that went through the backbone, after each batch.
        batch_scale: factor on the number of crops in a batch, where memory is short.
    """

    def __init__(
        self,
        model: Moro,
        crops: Iterator[NDArray[np.uint8]],
        box: Tensor,
        progress: Callable[[int], None] = lambda _frames: None,
        batch_scale: float = 1.0,
    ) -> None:
        at_once = _BATCH.get(model.trajectory_mean.device.type, _BATCH_ELSEWHERE)
        self._at_once = max(1, round(at_once * batch_scale))
        self._model, self._crops, self._box, self._progress = model, crops, box.float(), progress
        self._first, self._last = 0, 0
        self._batches: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._box)

    @torch.no_grad()
    def window(self, start: int, stop: int) -> WindowEvidence:
        """Evidence of frames start .. stop - 1."""
        device = self._model.trajectory_mean.device
        while self._last < stop:
            count = min(self._at_once, stop - self._last)
            crops = np.stack([next(self._crops) for _ in range(count)])
            tokens = self._model.evidence_tokens(torch.from_numpy(crops).to(device))
            self._batches.append(tokens.to(self._model.dst_former.compute_dtype))
            self._last += count
            self._progress(self._last)
        while self._batches and self._first + len(self._batches[0]) <= start:
            self._first += len(self._batches.pop(0))
        tokens = torch.cat(self._batches)[start - self._first : stop - self._first]
        return WindowEvidence(tokens, None, self._box[start:stop], no_turn())
