"""What a job must remember to build its result later: which scene, which strip, which options."""

from dataclasses import dataclass

import bpy

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from .strip import Source
from .timeline import Timeline


@dataclass(frozen=True)
class Plan:
    """Names, never references: undo replaces everything that a reference could point to.

    Attributes:
        scene_uid: of the scene to build in.
        source: the strip.
        timeline: when it shows what.
        position_only: the root bone does not turn.
    """

    scene_uid: int
    source: Source
    timeline: Timeline
    position_only: bool

    def scene(self) -> bpy.types.Scene:
        """The scene to build in.

        Raises:
            RecoverError: `BAD_INPUT`, it is gone or cannot be changed.
        """
        for scene in bpy.data.scenes:
            if scene.session_uid == self.scene_uid:
                if scene.library is not None:
                    break
                return scene
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            "The scene that the recovered motion was meant for is gone, or linked from another file.",
            "Import the result into the scene you want.",
        )
