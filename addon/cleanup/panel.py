"""The panel that cleans a recovered armature again."""

from typing import Final

import bpy

from ..wrapped_label import wrapped
from .ops import RecoverMotionClean, RecoverMotionMarkContact, recovered_armature


class RECOVERMOTION_PT_cleanup(bpy.types.Panel):  # noqa: N801  Blender's naming rule for panels
    """Contacts and clean-up settings of the active armature."""

    bl_label = "Recovered Motion"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Motion"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An armature of ours is active."""
        return recovered_armature(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Contacts, settings, buttons."""
        layout = self.layout
        layout.label(text=recovered_armature(context).name, icon="ARMATURE_DATA")
        row = layout.row(align=True)
        row.operator(RecoverMotionMarkContact.bl_idname, text="Left Contact").foot = "LEFT"
        row.operator(RecoverMotionMarkContact.bl_idname, text="Right Contact").foot = "RIGHT"
        settings = context.scene.recover_motion
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "lock_strength")
        column.prop(settings, "lock_blend_s")
        column.prop(settings, "smoothing_s")
        column.prop(settings, "physics")
        layout.operator(RecoverMotionClean.bl_idname, icon="BRUSH_DATA")


class RECOVERMOTION_PT_account(bpy.types.Panel):  # noqa: N801
    """How the active armature's motion came about."""

    bl_label = "How It Was Recovered"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Motion"
    bl_parent_id = "RECOVERMOTION_PT_cleanup"
    bl_options: Final = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Facts, notes, and the way to the files."""
        layout = self.layout
        origin = recovered_armature(context).recover_motion
        account = origin.account
        for subject, said in account.facts:
            wrapped(layout, f"{subject}: {said}", "DOT", context.region.width)
        for note in account.notes:
            wrapped(layout, note, "INFO", context.region.width)
        layout.operator("wm.path_open", text="Show Files", icon="FILE_FOLDER").filepath = origin.folder


CLASSES: Final = (RECOVERMOTION_PT_cleanup, RECOVERMOTION_PT_account)
