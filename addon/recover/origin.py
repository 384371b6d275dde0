"""What an armature remembers of its recovery, so that it can be cleaned again, saved and reopened with the file."""

import json
from pathlib import Path
from typing import Final

import bpy

from ...inference_backend.protocol.result_format import Result
from .account import Account, account
from .request_file import Request

_HIDDEN: Final = {"HIDDEN"}  # and, unlike by default, not animatable
_ACTION_MARK: Final = "recover_motion"


class RecoverMotionOrigin(bpy.types.PropertyGroup):
    """Where an armature came from."""

    folder: bpy.props.StringProperty(
        name="Result", description="Folder of the result", subtype="DIR_PATH", options=_HIDDEN
    )
    person_id: bpy.props.IntProperty(name="Person", description="Id in the result, from 0", options=_HIDDEN)
    request_json: bpy.props.StringProperty(
        name="Request", description="What was asked of the backend, as JSON", options=_HIDDEN
    )
    position_only: bpy.props.BoolProperty(
        name="Position Only", description="The root bone does not turn", options=_HIDDEN
    )

    account_json: bpy.props.StringProperty(
        name="Account", description="How the motion came about, as JSON", options=_HIDDEN
    )

    @property
    def request(self) -> Request:
        """What was asked of the backend."""
        return Request(**json.loads(self.request_json or "{}"))

    @property
    def account(self) -> Account:
        """How the motion came about."""
        return Account.from_json(self.account_json)

    @property
    def known(self) -> bool:
        """Whether the armature was recovered at all."""
        return bool(self.folder)


def remember(
    armature: bpy.types.Object,
    person_id: int,
    result: Result,
    folder: Path,
    request: Request,
    *,
    position_only: bool,
    version: str,
) -> None:
    """Keep with an armature what cleaning it again needs, and mark the action that it uses as ours.

    Args:
        armature: just built.
        person_id: whose it is in the result.
        result: what it was built from.
        folder: of the result.
        request: what the backend was asked.
        position_only: the root bone does not turn.
        version: which result this is, for a person.
    """
    origin = armature.recover_motion
    origin.folder, origin.person_id, origin.position_only = str(folder), person_id, position_only
    origin.request_json = json.dumps(vars(request))
    armature.animation_data.action[_ACTION_MARK] = True
    tell(armature, result, version)


def tell(armature: bpy.types.Object, result: Result, version: str) -> None:
    """Keep with an armature how its motion came about.

    Args:
        armature: one that was recovered.
        result: whose motion it shows.
        version: which of the results that is, for a person.
    """
    origin = armature.recover_motion
    origin.account_json = account(result, origin.person_id, version).to_json()


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
