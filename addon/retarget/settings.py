"""What the person sets for retargeting, kept in the scene: pairs of a recovered armature and a rig, with its map."""

import json
from typing import Any, Final

import bpy

from ..core.retarget.bone_map import BoneMap, as_preset
from ..core.retarget.path import RootMode
from ..core.retarget.preset import PARTS, parse_preset
from .apply import RetargetSettings
from .presets_folder import all_presets
from .source_motion import is_source

_HIDDEN: Final = {"HIDDEN"}  # and, unlike by default, not animatable
AUTOMATIC, BY_STRUCTURE = "AUTO", "STRUCTURE"
ROOT: Final = "root"


class RecoverMotionMapItem(bpy.types.PropertyGroup):
    """One row of the map."""

    part: bpy.props.StringProperty(name="Part", description="Part of the body", options=_HIDDEN)

    def _suggest(self, _context: bpy.types.Context, text: str) -> list[str]:
        pair = next((p for p in self.id_data.recover_motion_retarget.pairs if self in list(p.items)), None)
        if pair is None or pair.target is None:
            return []
        start, comma, last = text.rpartition(",")
        wanted = last.strip().casefold()
        return [
            f"{start}{comma}{' ' if comma else ''}{b.name}"
            for b in pair.target.data.bones
            if wanted in b.name.casefold()
        ]

    bones: bpy.props.StringProperty(
        name="Bones",
        description="The bone that shows this part; several in series with commas between them; empty for none",
        search=_suggest,
        search_options={"SUGGESTION"},
        options=_HIDDEN,
    )


_items: list[tuple[str, str, str]] = []


def _preset_items(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    # Blender keeps pointers to these texts, so they must live on
    _items[:] = [
        (AUTOMATIC, "Automatic", "The preset that fits the bones' names, else by structure"),
        (BY_STRUCTURE, "By Structure", "By where the bones are, whatever their names"),
        *((preset.key, preset.name, preset.description) for preset in all_presets()[0]),
    ]
    return _items


def _is_target(_self: Any, obj: bpy.types.Object) -> bool:
    return obj.type == "ARMATURE"


def _can_be_source(_self: Any, obj: bpy.types.Object) -> bool:
    return is_source(obj)


class RecoverMotionPair(bpy.types.PropertyGroup):
    """A recovered armature, the rig that it moves, and how."""

    source: bpy.props.PointerProperty(
        name="From", description="A recovered armature", type=bpy.types.Object, poll=_can_be_source, options=_HIDDEN
    )
    target: bpy.props.PointerProperty(
        name="To", description="The armature of your character", type=bpy.types.Object, poll=_is_target, options=_HIDDEN
    )
    preset: bpy.props.EnumProperty(
        name="Rig", description="What kind of rig it is", items=_preset_items, options=_HIDDEN
    )
    root: bpy.props.EnumProperty(
        name="Path",
        description="What carries the person through the scene",
        items=(
            ("AUTO", "As the Rig Has It", "The root bone where the rig's preset names one, else the hips"),
            ("hips", "Hips", "The pelvis bone carries everything (Unity, Mixamo)"),
            ("root_bone", "Root Bone", "The root bone carries place and heading (Unreal, Godot)"),
            ("object", "Object", "The armature object carries place and heading"),
            ("in_place", "In Place", "Nothing: the person stays above one point"),
        ),
        options=_HIDDEN,
    )
    plant_feet: bpy.props.BoolProperty(
        name="Plant Feet",
        description="Feet that stand on the floor in the recovery stand still on the rig, whatever its legs",
        default=True,
        options=_HIDDEN,
    )
    reach: bpy.props.BoolProperty(
        name="Keep Hands On",
        description="Hands that touch the body or each other stay there on a rig of another shape",
        default=False,
        options=_HIDDEN,
    )
    ik_legs: bpy.props.BoolProperty(
        name="IK Legs",
        description="Let the rig's own IK controls move the legs, where it has them",
        default=True,
        options=_HIDDEN,
    )
    ik_arms: bpy.props.BoolProperty(
        name="IK Arms", description="Let the rig's own IK controls move the arms", default=False, options=_HIDDEN
    )
    items: bpy.props.CollectionProperty(type=RecoverMotionMapItem)
    item_index: bpy.props.IntProperty(name="Row", options=_HIDDEN)
    map_json: bpy.props.StringProperty(name="Map", options=_HIDDEN)
    map_target: bpy.props.PointerProperty(name="Map's Target", type=bpy.types.Object, options=_HIDDEN)
    kind: bpy.props.StringProperty(name="Found", options=_HIDDEN)
    figures: bpy.props.StringProperty(name="Figures", options=_HIDDEN)
    notes: bpy.props.StringProperty(name="Notes", options=_HIDDEN)
    failed: bpy.props.BoolProperty(name="Failed", options=_HIDDEN)

    @property
    def has_map(self) -> bool:
        """Whether there is a map for the target that is chosen."""
        return bool(self.map_json) and self.map_target == self.target

    def show_map(self, bone_map: BoneMap) -> None:
        """Fill the list with a map."""
        self.map_json = json.dumps(as_preset(bone_map, "map") | {"preset": bone_map.preset})
        self.map_target = self.target
        self.items.clear()
        for part in (ROOT, *PARTS):
            item = self.items.add()
            item.part = part
            chain = bone_map.bones.get(part, ()) if part != ROOT else filter(None, (bone_map.root_bone,))
            item.bones = ", ".join(chain)

    def bone_map(self) -> BoneMap:
        """The map with the person's corrections.

        Raises:
            RecoverError: `BAD_INPUT`, a bone is used twice, or the pelvis has none.
        """
        content = json.loads(self.map_json)
        preset_key = content.pop("preset", "")
        rows = {item.part: [n.strip() for n in item.bones.split(",") if n.strip()] for item in self.items}
        root = rows.pop(ROOT, [])
        content["bones"] = {part: chain for part, chain in rows.items() if chain}
        content["twist"] = {part: chain for part, chain in content.get("twist", {}).items() if part in content["bones"]}
        mode = content["root"]["mode"]
        content["root"] = {"bone": root[0]} if root else {}
        content["root"]["mode"] = mode if root or mode != "root_bone" else "hips"
        preset = parse_preset(content, _MapName(self.target.name if self.target else ""))
        return BoneMap(
            preset=preset_key,
            bones=dict(preset.bones),
            twist=dict(preset.twist),
            match=dict(preset.match),
            root_bone=preset.root_bone,
            root_mode=preset.root_mode,
            ik=dict(preset.ik),
            properties=preset.properties,
            follow=dict(preset.follow),
        )

    def settings(self) -> RetargetSettings:
        """The options as the retargeting takes them."""
        legs = ("left_leg", "right_leg") if self.ik_legs else ()
        arms = ("left_arm", "right_arm") if self.ik_arms else ()
        root = None if self.root == "AUTO" else RootMode(self.root)
        return RetargetSettings(root, self.plant_feet, self.reach, (*legs, *arms))


class _MapName:
    """Stands for a file in messages about a map that is in no file."""

    def __init__(self, rig: str) -> None:
        self.stem = rig

    def __str__(self) -> str:
        return f"of {self.stem!r}"


class RecoverMotionRetargetSettings(bpy.types.PropertyGroup):
    """All pairs of a scene."""

    pairs: bpy.props.CollectionProperty(type=RecoverMotionPair)
    index: bpy.props.IntProperty(name="Pair", options=_HIDDEN)
    overlay: bpy.props.BoolProperty(
        name="Show Source",
        description="Draw the recovered joints beside the rig, limbs that point elsewhere in red",
        default=False,
        options=_HIDDEN,
    )
    overlay_beside: bpy.props.FloatProperty(
        name="Beside",
        description="How far beside the rig the joints are drawn; 0 draws them in it",
        default=1.0,
        unit="LENGTH",
        options=_HIDDEN,
    )

    @property
    def active(self) -> RecoverMotionPair | None:
        """The pair in hand."""
        return self.pairs[self.index] if 0 <= self.index < len(self.pairs) else None


CLASSES: Final = (RecoverMotionMapItem, RecoverMotionPair, RecoverMotionRetargetSettings)


def register() -> None:
    """Attach the settings to scenes."""
    bpy.types.Scene.recover_motion_retarget = bpy.props.PointerProperty(type=RecoverMotionRetargetSettings)


def unregister() -> None:
    """Detach them."""
    del bpy.types.Scene.recover_motion_retarget
