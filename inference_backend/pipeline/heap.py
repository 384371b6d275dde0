"""Gives memory that was freed back to the system.

glibc keeps what lies between objects that are still in use. A stage that keeps a little for each frame and needs
megabytes in passing then grows several times faster than what it keeps.
"""

import ctypes
import sys
import time
from collections.abc import Callable
from typing import Final

_EVERY_S: Final[float] = 5.0


def _find_trim() -> Callable[[int], int] | None:
    """glibc's `malloc_trim`; None with other C libraries, which give memory back by themselves or not at all."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


class Heap:
    """The process's heap; `trim` costs some milliseconds, `tick` trims once in five seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._trim, self._clock, self._last = _find_trim(), clock, clock()

    def trim(self) -> None:
        """Give back now what is free."""
        self._last = self._clock()
        if self._trim is not None:
            self._trim(0)

    def tick(self) -> None:
        """Give back what is free, unless that was done within the last five seconds."""
        if self._clock() - self._last >= _EVERY_S:
            self.trim()
