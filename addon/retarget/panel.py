"""The panel that carries recovered motion over to rigs."""

from typing import Any, Final

import bpy

from ..wrapped_label import wrapped
from .ops import (
    RecoverMotionLoadMap,
    RecoverMotionRetarget,
    RecoverMotionRetargetAdd,
    RecoverMotionRetargetCheck,
    RecoverMotionRetargetDetect,
    RecoverMotionRetargetRemove,
    RecoverMotionSaveMap,
)
from .settings import RecoverMotionPair


class RECOVERMOTION_UL_pairs(bpy.types.UIList):  # noqa: N801  Blender's naming rule for lists
    """Pairs of a recovered armature and a rig."""

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: Any,
        item: RecoverMotionPair,
        _icon: int,
        _active_data: Any,
        _active_property: str,
    ) -> None:
        """Source, arrow, target."""
        row = layout.row(align=True)
        row.label(text=item.source.name if item.source else "No source", icon="ARMATURE_DATA")
        row.label(text=item.target.name if item.target else "No rig", icon="ERROR" if item.failed else "FORWARD")


class RECOVERMOTION_UL_map(bpy.types.UIList):  # noqa: N801
    """Parts of the body and the bones that show them."""

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
    ) -> None:
        """Part, and its bones to correct."""
        split = layout.split(factor=0.4)
        split.label(text=item.part.replace("_smplhf", "").replace("_", " ").capitalize())
        split.prop(item, "bones", text="", emboss=bool(item.bones) or self.layout_type == "DEFAULT")


class RECOVERMOTION_PT_retarget(bpy.types.Panel):  # noqa: N801
    """Pairs, options and the button."""

    bl_label = "Retarget"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Motion"
    bl_options: Final = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """List, pair, button, figures."""
        layout = self.layout
        settings = context.scene.recover_motion_retarget
        row = layout.row()
        row.template_list("RECOVERMOTION_UL_pairs", "", settings, "pairs", settings, "index", rows=2)
        column = row.column(align=True)
        column.operator(RecoverMotionRetargetAdd.bl_idname, text="", icon="ADD").everyone = False
        column.operator(RecoverMotionRetargetRemove.bl_idname, text="", icon="REMOVE")
        column.operator(RecoverMotionRetargetAdd.bl_idname, text="", icon="COMMUNITY").everyone = True
        pair = settings.active
        if pair is None:
            wrapped(layout, "Select a recovered armature and your rig, and press +.", "INFO", context.region.width)
            return
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(pair, "source")
        column.prop(pair, "target")
        column.prop(pair, "preset")
        column.prop(pair, "root")
        column.prop(pair, "plant_feet")
        column.prop(pair, "reach")
        column.prop(pair, "ik_legs")
        column.prop(pair, "ik_arms")
        row = layout.row(align=True)
        row.scale_y = 1.5
        row.operator(RecoverMotionRetarget.bl_idname, icon="ARMATURE_DATA").every = False
        if len(settings.pairs) > 1:
            row.operator(RecoverMotionRetarget.bl_idname, text="All Pairs").every = True
        if pair.figures:
            wrapped(layout, pair.figures, "CHECKMARK", context.region.width)
        for note in filter(None, pair.notes.split("\n")):
            wrapped(layout, note, "ERROR" if pair.failed else "INFO", context.region.width)
        layout.operator(RecoverMotionRetargetCheck.bl_idname, icon="VIEWZOOM")
        row = layout.row(align=True)
        row.prop(settings, "overlay", toggle=True, icon="OVERLAY")
        row.prop(settings, "overlay_beside")


class RECOVERMOTION_PT_retarget_map(bpy.types.Panel):  # noqa: N801
    """Which bone shows which part of the body."""

    bl_label = "Bones"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Motion"
    bl_parent_id = "RECOVERMOTION_PT_retarget"
    bl_options: Final = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A pair with a target is chosen."""
        pair = context.scene.recover_motion_retarget.active
        return pair is not None and pair.target is not None

    def draw(self, context: bpy.types.Context) -> None:
        """The list, and where maps come from and go to."""
        layout = self.layout
        pair = context.scene.recover_motion_retarget.active
        layout.operator(RecoverMotionRetargetDetect.bl_idname, icon="VIEWZOOM")
        if pair.has_map:
            found = sum(bool(item.bones) for item in pair.items)
            layout.label(text=f"{pair.kind}: {found} of {len(pair.items)} parts")
            layout.template_list("RECOVERMOTION_UL_map", "", pair, "items", pair, "item_index", rows=8)
        row = layout.row(align=True)
        row.operator(RecoverMotionSaveMap.bl_idname, icon="EXPORT")
        row.operator(RecoverMotionLoadMap.bl_idname, icon="IMPORT")


CLASSES: Final = (
    RECOVERMOTION_UL_pairs,
    RECOVERMOTION_UL_map,
    RECOVERMOTION_PT_retarget,
    RECOVERMOTION_PT_retarget_map,
)
