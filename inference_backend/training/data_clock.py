"""How long making a batch takes, so that one sees whether data or learning holds training up."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor

_EVERY: Final = 20


class DataClock:
    """Measures every twentieth batch: on a GPU measuring means waiting for it.

    Args:
        device: that batches are made on.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._calls, self._seconds = device, 0, 0.0

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Around what makes a batch."""
        chosen = self._calls % _EVERY == 1
        self._calls += 1
        if chosen:
            self._wait()
        began = time.perf_counter()
        yield
        if chosen:
            self._wait()
            self._seconds = time.perf_counter() - began

    @property
    def milliseconds(self) -> Tensor:
        """Of the last batch that was measured."""
        return torch.tensor(1000 * self._seconds)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
