"""The export operator."""

from pathlib import Path
from typing import Final

import bpy

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from .batch import Batch, Outcome, run


def armatures_to_export(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The armatures that the settings mean, each once: those selected, or those of selected meshes, or all people."""
    if context.scene.recover_motion_export.who == "RECOVERED":
        return [obj for obj in context.scene.objects if obj.type == "ARMATURE" and obj.recover_motion.known]
    chosen = [*context.selected_objects, *([context.object] if context.object else [])]
    rigs = [
        obj if obj.type == "ARMATURE" else obj.find_armature() for obj in chosen if obj.type in ("ARMATURE", "MESH")
    ]
    return list(dict.fromkeys(rig for rig in rigs if rig is not None))


class RecoverMotionExport(bpy.types.Operator):
    """Write files for a game engine or another 3D program. The scene stays as it is"""

    bl_idname = "recover_motion.export"
    bl_label = "Export"
    bl_options: Final = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is something to export."""
        if armatures_to_export(context):
            return True
        every = context.scene.recover_motion_export.who == "RECOVERED"
        cls.poll_message_set(
            "Nobody was recovered in this scene." if every else "Select an armature, or a mesh that one moves."
        )
        return False

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write the files; what went wrong with some does not stop the others."""
        window = context.window_manager
        window.progress_begin(0.0, 1.0)
        outcome = Outcome()
        try:
            for fraction in run(_batch(context), context.scene, outcome):
                window.progress_update(fraction)
        except RecoverError as error:
            outcome.problems.append(error)
        finally:
            window.progress_end()
        for note in outcome.notes:
            self.report({"WARNING"}, note)
        for error in outcome.problems:
            self.report({"ERROR"}, str(error))
        settings = context.scene.recover_motion_export
        settings.written = _written(outcome)
        settings.notes = "\n".join(outcome.notes)
        settings.problems = "\n".join(map(str, outcome.problems))
        if not outcome.files:
            return {"CANCELLED"}
        self.report({"INFO"}, settings.written)
        return {"FINISHED"}


def _written(outcome: Outcome) -> str:
    if not outcome.files:
        return ""
    names = outcome.files[0].name + (f" and {len(outcome.files) - 1} more" if len(outcome.files) > 1 else "")
    return f"Wrote {names} into {outcome.files[0].parent}"


def _batch(context: bpy.types.Context) -> Batch:
    settings = context.scene.recover_motion_export
    if settings.folder.startswith("//") and not bpy.data.filepath:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The folder {settings.folder} lies beside the .blend file, which is not saved yet.",
            "Save the file, or choose another folder.",
        )
    return Batch(
        armatures=armatures_to_export(context),
        preset=settings.chosen(),
        options=settings.options(),
        folder=Path(bpy.path.abspath(settings.folder)),
        template=settings.template,
        every_clip=settings.clips != "SHOWN",
        one_file=settings.clips == "ONE_FILE",
        scene_frames=settings.clips == "SHOWN" and settings.frames == "SCENE",
    )


CLASSES: Final = (RecoverMotionExport,)
