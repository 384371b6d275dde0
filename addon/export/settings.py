"""What the person chooses for an export, kept in the scene."""

import zlib
from pathlib import Path
from typing import Final

import bpy

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..compat import BLEND_RELATIVE
from ..core.export.root_motion import RootMode
from ..setup.locations import data_folder
from .export import ExportOptions
from .preset import FOLDER, SKELETON_ONLY, ExportPreset, find_presets

_RATES: Final = {
    "SCENE": None,
    "23.976": 24000 / 1001,
    "24": 24.0,
    "25": 25.0,
    "29.97": 30000 / 1001,
    "30": 30.0,
    "50": 50.0,
    "59.94": 60000 / 1001,
    "60": 60.0,
    "120": 120.0,
}
_MOTIONS: Final = {
    RootMode.AS_ANIMATED: ("As Animated", "The root bone carries what it carries in Blender"),
    RootMode.ROOT_MOTION: ("Root Motion", "The root bone carries the place on the floor and the heading"),
    RootMode.IN_PLACE: ("In Place", "The person stays at the origin, facing forward"),
}
DEFAULT_TEMPLATE: Final = "{take}_{person}_{clip}"

# Blender keeps no reference to the strings of items that a function hands out
_items: list[tuple[str, str, str, str, int]] = []


def own_presets_folder() -> Path:
    """Where the person's own presets lie."""
    return data_folder() / "presets" / "export"


def presets() -> tuple[ExportPreset, ...]:
    """All presets that can be used."""
    return find_presets([FOLDER, own_presets_folder()])[0]


def preset_problems() -> list[RecoverError]:
    """What is wrong with the others."""
    return find_presets([FOLDER, own_presets_folder()])[1]


def _number(name: str) -> int:
    """What a .blend file keeps of a preset's name, the same whatever others there are."""
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def _preset_items(
    _self: bpy.types.PropertyGroup, _context: bpy.types.Context | None
) -> list[tuple[str, str, str, str, int]]:
    _items[:] = [(p.name, p.label, p.description, "NONE", _number(p.name)) for p in presets()]
    return _items


def _take_defaults(settings: "RecoverMotionExportSettings", _context: bpy.types.Context) -> None:
    options = ExportOptions.of(settings.chosen())
    settings.with_mesh = options.with_mesh
    settings.motion = options.motion.name
    settings.start_at_origin = options.start_at_origin
    near = [name for name, fps in _RATES.items() if fps == options.fps]
    settings.rate = near[0] if near else "SCENE"


class RecoverMotionExportSettings(bpy.types.PropertyGroup):
    """Settings of an export."""

    preset: bpy.props.EnumProperty(
        name="For",
        description="The program that the files are for",
        items=_preset_items,
        update=_take_defaults,
        default=_number("unreal"),
    )
    who: bpy.props.EnumProperty(
        name="Export",
        description="Whose motion",
        items=(
            ("SELECTED", "Selected", "All selected armatures, or the active one"),
            ("RECOVERED", "All People", "Every armature of this scene that was recovered"),
        ),
    )
    with_mesh: bpy.props.BoolProperty(
        name="Mesh", description="The skinned body as well as the bones; off: bones and motion only", default=True
    )
    clips: bpy.props.EnumProperty(
        name="Motions",
        description="Which motions of each armature",
        items=(
            ("SHOWN", "Shown", "What the armature shows: its action, or its NLA tracks"),
            ("FILES", "All, One File Each", "That, and every strip of its NLA tracks, each in a file of its own"),
            ("ONE_FILE", "All in One File", "The same in one file, where the format can hold several"),
        ),
    )
    frames: bpy.props.EnumProperty(
        name="Frames",
        description="Which frames of the motion that is shown",
        items=(
            ("MOTION", "All of the Motion", "From the first key to the last"),
            ("SCENE", "Scene Range", "The scene's start to end frame, also for motion that comes from constraints"),
        ),
    )
    motion: bpy.props.EnumProperty(
        name="Root",
        description="What the root bone carries",
        items=tuple((mode.name, *spoken) for mode, spoken in _MOTIONS.items()),
        default=RootMode.ROOT_MOTION.name,
    )
    start_at_origin: bpy.props.BoolProperty(
        name="Start at Origin",
        description="The first frame stands at the origin and faces forward; off: people stay where they are in the "
        "scene, as they must to meet each other",
        default=True,
    )
    rate: bpy.props.EnumProperty(
        name="Rate",
        description="Frames per second of the files. The motion keeps its pace: it is sampled anew",
        items=tuple((name, "Scene" if fps is None else name, "") for name, fps in _RATES.items()),
    )
    all_bones: bpy.props.BoolProperty(
        name="All Bones", description="Also controls and helpers that carry no skin", default=False
    )
    folder: bpy.props.StringProperty(
        name="Folder",
        description="Where the files go; // is the folder of the .blend file",
        subtype="DIR_PATH",
        default="//export",
        options=BLEND_RELATIVE,
    )
    template: bpy.props.StringProperty(
        name="File Name",
        description="Fields: {take} {person} {rig} {clip} {preset} {motion} {fps} {scene} {date} {time} {number}",
        default=DEFAULT_TEMPLATE,
    )

    written: bpy.props.StringProperty(description="What the last export wrote", options={"HIDDEN", "SKIP_SAVE"})
    notes: bpy.props.StringProperty(description="What it said about that, a line each", options={"HIDDEN", "SKIP_SAVE"})
    problems: bpy.props.StringProperty(
        description="Why it did not write others, a line each", options={"HIDDEN", "SKIP_SAVE"}
    )

    def chosen(self) -> ExportPreset:
        """The preset.

        Raises:
            RecoverError: `MISSING_PART`, it is no longer there.
        """
        found = {preset.name: preset for preset in presets()}
        if self.preset not in found:
            raise RecoverError(
                ErrorCode.MISSING_PART, "The export preset is no longer there.", "Choose another one in the list."
            )
        return found[self.preset]

    def options(self) -> ExportOptions:
        """The options, as far as the preset's files know them."""
        can_hold_mesh = self.chosen().file not in SKELETON_ONLY
        return ExportOptions(
            with_mesh=self.with_mesh and can_hold_mesh,
            motion=RootMode[self.motion],
            start_at_origin=self.start_at_origin,
            fps=_RATES[self.rate],
            all_bones=self.all_bones,
        )


CLASSES: Final = (RecoverMotionExportSettings,)


def register() -> None:
    """Attach the settings to scenes."""
    bpy.types.Scene.recover_motion_export = bpy.props.PointerProperty(type=RecoverMotionExportSettings)


def unregister() -> None:
    """Detach them."""
    del bpy.types.Scene.recover_motion_export
