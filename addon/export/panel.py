"""The panel "Export" of the tab Motion in the 3D View."""

from typing import Final

import bpy

from ...inference_backend.protocol.errors import RecoverError
from ..wrapped_label import wrapped
from .ops import RecoverMotionExport, armatures_to_export
from .preset import MESH_ONLY, SEVERAL_CLIPS, SKELETON_ONLY
from .settings import preset_problems


class RECOVERMOTION_PT_export(bpy.types.Panel):  # noqa: N801  Blender's naming rule for panels
    """Preset, options, folder, button, and what came of the last export."""

    bl_label = "Export"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Motion"
    bl_order = 10
    bl_options: Final = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An armature, or a mesh that one moves, is active; or people were recovered."""
        return bool(armatures_to_export(context)) or any(
            obj.type == "ARMATURE" and obj.recover_motion.known for obj in context.scene.objects
        )

    def draw(self, context: bpy.types.Context) -> None:
        """All rows."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.recover_motion_export
        layout.prop(settings, "preset")
        for problem in preset_problems():
            wrapped(layout, str(problem), "ERROR", context.region.width)
        try:
            preset = settings.chosen()
        except RecoverError as error:
            wrapped(layout, str(error), "ERROR", context.region.width)
            return
        wrapped(layout, f"{preset.description.rstrip('.')}.", "INFO", context.region.width)
        layout.prop(settings, "who")
        layout.prop(settings, "clips")
        if settings.clips == "ONE_FILE" and preset.file not in SEVERAL_CLIPS:
            wrapped(layout, f"{preset.label} files hold one motion each.", "INFO", context.region.width)
        if settings.clips == "SHOWN":
            layout.prop(settings, "frames")
        column = layout.column()
        if preset.file not in MESH_ONLY + SKELETON_ONLY:
            column.prop(settings, "with_mesh")
        column.prop(settings, "motion")
        row = column.row()
        row.active = settings.motion != "IN_PLACE"
        row.prop(settings, "start_at_origin")
        column.prop(settings, "rate")
        column.prop(settings, "all_bones")
        column = layout.column()
        column.prop(settings, "folder")
        column.prop(settings, "template")
        count = len(armatures_to_export(context))
        text = f"Export {count} Armatures" if count > 1 else "Export"
        layout.operator(RecoverMotionExport.bl_idname, text=text, icon="EXPORT")
        for said, icon in ((settings.problems, "ERROR"), (settings.written, "CHECKMARK"), (settings.notes, "INFO")):
            for sentence in filter(None, said.split("\n")):
                wrapped(layout, sentence, icon, context.region.width)


CLASSES: Final = (RECOVERMOTION_PT_export,)
