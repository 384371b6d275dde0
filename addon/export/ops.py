"""The export operator."""

from pathlib import Path
from typing import Final

import bpy
from bpy_extras.io_utils import ExportHelper

from ...inference_backend.protocol.errors import RecoverError
from ..cleanup.ops import recovered_armature
from .fbx import export_fbx


class RecoverMotionExportFbx(bpy.types.Operator, ExportHelper):
    """Export this person to an FBX file that game engines read right: one root bone, every frame keyed"""

    bl_idname = "recover_motion.export_fbx"
    bl_label = "Export FBX"
    bl_options: Final = {"REGISTER"}

    filename_ext = ".fbx"
    filter_glob: bpy.props.StringProperty(default="*.fbx", options={"HIDDEN"})
    with_mesh: bpy.props.BoolProperty(name="Body", description="The skinned body as well as the armature", default=True)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An armature of ours is active."""
        return recovered_armature(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write the file."""
        try:
            export_fbx(Path(self.filepath), recovered_armature(context), context.scene, with_mesh=self.with_mesh)
        except RecoverError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Wrote {self.filepath}")
        return {"FINISHED"}


CLASSES: Final = (RecoverMotionExportFbx,)
