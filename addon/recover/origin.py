"""What an armature remembers of its recovery, so that it can be cleaned again, saved and reopened with the file."""

import json
from typing import Final

import bpy


class RecoverMotionOrigin(bpy.types.PropertyGroup):
    """Where an armature came from."""

    folder: bpy.props.StringProperty(name="Result", description="Folder of the result", subtype="DIR_PATH")
    person_id: bpy.props.IntProperty()
    video: bpy.props.StringProperty(subtype="FILE_PATH")
    range_json: bpy.props.StringProperty(description="Start and end in seconds, as JSON: floats here are too coarse")
    settings: bpy.props.StringProperty(description="The backend's settings as JSON")
    position_only: bpy.props.BoolProperty()

    @property
    def range_s(self) -> tuple[float | None, float | None]:
        """Start and end of the part of the video in seconds."""
        start_s, end_s = json.loads(self.range_json or "[null, null]")
        return start_s, end_s

    @property
    def known(self) -> bool:
        """Whether the armature was recovered at all."""
        return bool(self.folder)


CLASSES: Final = (RecoverMotionOrigin,)


def register() -> None:
    """Attach it to objects."""
    bpy.types.Object.recover_motion = bpy.props.PointerProperty(type=RecoverMotionOrigin)


def unregister() -> None:
    """Detach it."""
    del bpy.types.Object.recover_motion
