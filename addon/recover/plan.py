"""What a job must remember to build its result later: which scene, which clip, which options."""

from dataclasses import dataclass

import bpy

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..result.camera import Footage
from .request_file import Request
from .timeline import Timeline


@dataclass(frozen=True)
class Plan:
    """Names, never references: undo replaces everything that a reference could point to.

    Attributes:
        scene_uid: of the scene to build in.
        clip: what to call the result.
        footage: the camera's background, or None for none.
        timeline: when the strip shows what.
        request: what the backend was asked.
        position_only: the root bone does not turn.
    """

    scene_uid: int
    clip: str
    footage: Footage | None
    timeline: Timeline
    request: Request
    position_only: bool

    def scene(self) -> bpy.types.Scene:
        """The scene to build in.

        Raises:
            RecoverError: `BAD_INPUT`, it is gone or cannot be changed.
        """
        for scene in bpy.data.scenes:
            if scene.session_uid == self.scene_uid:
                check_scene(scene)
                return scene
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            "The scene that the recovered motion was meant for is gone.",
            "Import the result into the scene you want.",
        )


def check_scene(scene: bpy.types.Scene) -> None:
    """Refuse a scene that nothing can be added to.

    Raises:
        RecoverError: `BAD_INPUT`, it is linked from another file.
    """
    if scene.library is not None:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The scene {scene.name!r} is linked from {scene.library.filepath}, so nothing can be added to it.",
            "Open that file, or use a scene of this one.",
        )
