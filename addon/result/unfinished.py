"""Takes away what a building had made when it came to nothing: an error, a cancel, an undo in the middle of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import bpy

_KINDS: Final = ("objects", "collections", "meshes", "armatures", "cameras", "materials", "images", "actions")
"""What a building makes; those that use others first."""


class Unfinished:
    """What a building has made so far: session ids, never references, which an undo would leave dangling."""

    def __init__(self) -> None:
        self._made: set[int] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Everything that is made meanwhile counts."""
        before = _there()
        try:
            yield
        finally:
            self._made |= _there() - before

    def remove(self) -> None:
        """Remove what is still there of it."""
        for kind in _KINDS:
            data = getattr(bpy.data, kind)
            for item in [item for item in data if item.session_uid in self._made]:
                data.remove(item)
        self._made.clear()


def _there() -> set[int]:
    return {item.session_uid for kind in _KINDS for item in getattr(bpy.data, kind)}
