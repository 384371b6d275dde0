"""Names of what a result adds to the file, new ones for every take."""

from typing import Final

import bpy

from ...inference_backend.protocol.result_format import person_name

_STEM_BYTES: Final = 30
"""Blender cuts names after 63 bytes; the rest of ours must still fit."""


class TakeNames:
    """Names for one result: `walk person 1`, and `walk take 2 person 1` when the file has that one already."""

    def __init__(self, clip: str) -> None:
        """Choose a take of the clip called `clip` (say, the strip's name) whose names are all free."""
        stem = clip.encode()[:_STEM_BYTES].decode(errors="ignore").strip() or "clip"
        taken = {item.name for kind in (bpy.data.collections, bpy.data.objects) for item in kind}
        number = 1
        self.take = stem
        while any(name == self.take or name.startswith(f"{self.take} ") for name in taken):
            number += 1
            self.take = f"{stem} take {number}"

    def shot(self, shot: int, count: int) -> str:
        """The collection of a shot, counted from 0, of `count`."""
        return f"{self.take} shot {shot + 1}" if count > 1 else self.take

    def person(self, person_id: int) -> str:
        """The armature of a person."""
        return f"{self.take} {person_name(person_id)}"
