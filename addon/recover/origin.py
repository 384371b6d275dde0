"""What an armature remembers of its recovery, so that it can be cleaned again, saved and reopened with the file."""

import json
from pathlib import Path
from typing import Final

import bpy

from .request_file import Request

_HIDDEN: Final = {"HIDDEN"}  # and, unlike by default, not animatable
_ACTION_MARK: Final = "recover_motion"


class RecoverMotionOrigin(bpy.types.PropertyGroup):
    """Where an armature came from."""

    folder: bpy.props.StringProperty(
        name="Result", description="Folder of the result", subtype="DIR_PATH", options=_HIDDEN
    )
    person_id: bpy.props.IntProperty(name="Person", description="Number of the person in the result", options=_HIDDEN)
    request_json: bpy.props.StringProperty(
        name="Request", description="What was asked of the backend, as JSON", options=_HIDDEN
    )
    position_only: bpy.props.BoolProperty(
        name="Position Only", description="The root bone does not turn", options=_HIDDEN
    )

    @property
    def request(self) -> Request:
        """What was asked of the backend."""
        return Request(**json.loads(self.request_json or "{}"))

    @property
    def known(self) -> bool:
        """Whether the armature was recovered at all."""
        return bool(self.folder)


def remember(
    armature: bpy.types.Object, person_id: int, folder: Path, request: Request, *, position_only: bool
) -> None:
    """Keep with an armature what cleaning it again needs, and mark the action that it uses as ours.

    Args:
        armature: just built.
        person_id: whose it is in the result.
        folder: of the result.
        request: what the backend was asked.
        position_only: the root bone does not turn.
    """
    origin = armature.recover_motion
    origin.folder, origin.person_id, origin.position_only = str(folder), person_id, position_only
    origin.request_json = json.dumps(vars(request))
    armature.animation_data.action[_ACTION_MARK] = True


def is_ours(action: bpy.types.Action) -> bool:
    """Whether we made the action, or it is a copy of one that we made."""
    return bool(action.get(_ACTION_MARK))


CLASSES: Final = (RecoverMotionOrigin,)


def register() -> None:
    """Attach it to objects."""
    bpy.types.Object.recover_motion = bpy.props.PointerProperty(type=RecoverMotionOrigin, options=_HIDDEN)


def unregister() -> None:
    """Detach it."""
    del bpy.types.Object.recover_motion
