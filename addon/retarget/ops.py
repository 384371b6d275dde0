"""The operators of retargeting: pairs, detection, maps, the retargeting itself and its check."""

from pathlib import Path
from typing import Final

import bpy
import numpy as np
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..core.retarget.bone_map import apply_preset
from ..core.retarget.preset import load_preset
from .apply import Outcome, retarget_to
from .check import check
from .detect import detect
from .override import local_override
from .presets_folder import file_name, own_folder, save_map
from .settings import RecoverMotionPair
from .source_motion import is_source
from .target_checks import check_target


def _active(context: bpy.types.Context) -> RecoverMotionPair | None:
    return context.scene.recover_motion_retarget.active


class _ForPair:
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A pair with a target is chosen."""
        pair = _active(context)
        chosen = pair is not None and pair.target is not None
        if not chosen:
            cls.poll_message_set("Choose a pair, and in it your character's armature.")
        return chosen


class RecoverMotionRetargetAdd(bpy.types.Operator):
    """Add a pair. Selected armatures are taken by name: recovered ones as sources, others as rigs"""

    bl_idname = "recover_motion.retarget_add"
    bl_label = "Add Pair"
    bl_options: Final = {"REGISTER", "UNDO"}

    everyone: bpy.props.BoolProperty(
        name="Everyone", description="A pair for each recovered armature of the scene", default=False
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add one pair or several."""
        settings = context.scene.recover_motion_retarget
        chosen = sorted((o for o in context.selected_objects if o.type == "ARMATURE"), key=lambda o: o.name)
        sources = [o for o in chosen if is_source(o)]
        targets = [o for o in chosen if not is_source(o)]
        if self.everyone:
            taken = {pair.source for pair in settings.pairs}
            everyone = sorted((o for o in context.scene.objects if is_source(o)), key=lambda o: o.name)
            sources = [o for o in everyone if o not in taken]
            if not sources:
                self.report({"INFO"}, "Every recovered armature of the scene is in a pair already.")
                return {"CANCELLED"}
        for i in range(max(len(sources), len(targets), 1)):
            pair = settings.pairs.add()
            pair.source = sources[min(i, len(sources) - 1)] if sources else None
            pair.target = targets[i] if i < len(targets) else None
            settings.index = len(settings.pairs) - 1
            if pair.target is not None:
                _detect(self, pair)
        return {"FINISHED"}


class RecoverMotionRetargetRemove(bpy.types.Operator):
    """Remove this pair from the list. Rigs and actions stay as they are"""

    bl_idname = "recover_motion.retarget_remove"
    bl_label = "Remove Pair"
    bl_options: Final = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove it."""
        settings = context.scene.recover_motion_retarget
        settings.pairs.remove(settings.index)
        settings.index = max(min(settings.index, len(settings.pairs) - 1), 0)
        return {"FINISHED"}


class RecoverMotionRetargetDetect(_ForPair, bpy.types.Operator):
    """Find which bone shows which part of the body, by names and failing that by structure"""

    bl_idname = "recover_motion.retarget_detect"
    bl_label = "Detect Bones"
    bl_options: Final = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Fill the list."""
        return {"FINISHED"} if _detect(self, _active(context)) else {"CANCELLED"}


def _detect(operator: bpy.types.Operator, pair: RecoverMotionPair) -> bool:
    try:
        bone_map, kind = detect(pair.target, pair.preset)
    except RecoverError as error:
        operator.report({"ERROR"}, str(error))
        return False
    pair.show_map(bone_map)
    pair.kind = kind
    return True


class RecoverMotionRetarget(bpy.types.Operator):
    """Let rigs move as the recovered people do. Each gets a new action; what it had is kept on a muted NLA track"""

    bl_idname = "recover_motion.retarget"
    bl_label = "Retarget"
    bl_options: Final = {"REGISTER", "UNDO"}

    every: bpy.props.BoolProperty(
        name="All Pairs", description="All pairs of the list, not only this one", default=False
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a pair."""
        if _active(context) is None:
            cls.poll_message_set("Add a pair first: a recovered armature and your character's.")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Retarget; what fails is told, and the others go on."""
        settings = context.scene.recover_motion_retarget
        pairs = list(settings.pairs) if self.every else [settings.active]
        done = 0
        for pair in pairs:
            try:
                outcome = _retarget(pair, context)
            except RecoverError as error:
                pair.figures, pair.notes, pair.failed = "", str(error), True
                self.report({"ERROR"}, str(error))
                continue
            done += 1
            pair.figures, pair.notes, pair.failed = figures_sentence(outcome), "\n".join(outcome.notes), False
        if done:
            self.report({"INFO"}, f"Retargeted {done} of {len(pairs)}." if len(pairs) > 1 else settings.active.figures)
        return {"FINISHED"} if done else {"CANCELLED"}


def _retarget(pair: RecoverMotionPair, context: bpy.types.Context) -> Outcome:
    if pair.source is None:
        raise RecoverError(ErrorCode.BAD_INPUT, "A pair has no source.", "Choose a recovered armature for it.")
    notes = []
    if pair.target is not None and pair.target.type == "ARMATURE" and pair.target.library is not None:
        had_map = pair.has_map
        pair.target = local_override(pair.target, context.scene, context.view_layer)
        if had_map:
            pair.map_target = pair.target
        notes.append(f"{pair.target.name!r} was linked from another file; a library override of it was made.")
    check_target(pair.target)
    if not pair.has_map:
        bone_map, pair.kind = detect(pair.target, pair.preset)
        pair.show_map(bone_map)
    outcome = retarget_to(pair.source, pair.target, pair.bone_map(), pair.settings(), context.scene, context.view_layer)
    outcome.notes[:0] = notes
    return outcome


def figures_sentence(outcome: Outcome) -> str:
    """The figures of a retargeting for a person."""
    figures = outcome.figures
    text = f"Largest direction error {np.degrees(figures.direction_error):.1f} degrees"
    if figures.direction_part:
        text += f" ({figures.direction_part.replace('_', ' ')})"
    if figures.slide_before_m is not None:
        text += f"; feet slid {1000 * figures.slide_before_m:.0f} mm, now {1000 * figures.slide_after_m:.1f} mm"
    return text + "."


class RecoverMotionRetargetCheck(_ForPair, bpy.types.Operator):
    """Measure the rig as Blender shows it: the largest direction error of a limb, and how far planted feet slide"""

    bl_idname = "recover_motion.retarget_check"
    bl_label = "Check"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Measure."""
        pair = _active(context)
        if pair.source is None or not pair.has_map:
            self.report({"ERROR"}, "This pair has not been retargeted yet. Retarget it first.")
            return {"CANCELLED"}
        try:
            pair.figures = check(pair.source, pair.target, pair.bone_map(), context.scene).sentence()
        except RecoverError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, pair.figures)
        return {"FINISHED"}


class RecoverMotionSaveMap(_ForPair, bpy.types.Operator, ExportHelper):
    """Save the map as a rig preset, for other files and other people"""

    bl_idname = "recover_motion.save_map"
    bl_label = "Save Map"

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file, in the person's own folder of presets."""
        self.filepath = str(own_folder() / file_name(_active(context).target.name))
        return super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write it."""
        pair = _active(context)
        file = Path(self.filepath)
        try:
            if not pair.has_map:
                bone_map, pair.kind = detect(pair.target, pair.preset)
                pair.show_map(bone_map)
            save_map(file, pair.bone_map(), file.stem.replace("_", " ").title())
        except RecoverError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Wrote {file}")
        return {"FINISHED"}


class RecoverMotionLoadMap(_ForPair, bpy.types.Operator, ImportHelper):
    """Use a rig preset from a file. It is kept among your presets"""

    bl_idname = "recover_motion.load_map"
    bl_label = "Load Map"
    bl_options: Final = {"REGISTER", "UNDO"}

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Read it, fill the list and keep it."""
        pair, file = _active(context), Path(self.filepath)
        try:
            preset = load_preset(file)
            bone_map = apply_preset(preset, [bone.name for bone in pair.target.data.bones])
            if not bone_map.bones:
                raise RecoverError(
                    ErrorCode.BAD_INPUT,
                    f"{pair.target.name!r} has none of the bones that {file} names.",
                    "Choose the map of this rig.",
                )
            kept = own_folder() / file.name
            if not kept.exists():
                kept.write_bytes(file.read_bytes())
        except RecoverError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except OSError as error:
            self.report({"WARNING"}, f"The map is used, but could not be kept among your presets: {error}")
        pair.show_map(bone_map)
        pair.kind = preset.name
        return {"FINISHED"}


CLASSES: Final = (
    RecoverMotionRetargetAdd,
    RecoverMotionRetargetRemove,
    RecoverMotionRetargetDetect,
    RecoverMotionRetarget,
    RecoverMotionRetargetCheck,
    RecoverMotionSaveMap,
    RecoverMotionLoadMap,
)
