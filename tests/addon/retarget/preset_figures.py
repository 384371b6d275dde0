"""What a preset achieves on a rig as Blender shows it: how its bones point and turn, and how far planted feet slide.

`python tests/addon/retarget/preset_figures.py` (with bpy) prints the table of docs/retarget.md.
"""

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[3]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    import_module("tests.conftest")  # makes the checkout importable as the package that Blender installs

from recover_motion.addon.core.limbs import spans  # noqa: E402
from recover_motion.addon.core.retarget.bone_map import BoneMap, apply_preset, best_preset  # noqa: E402
from recover_motion.addon.core.retarget.parts import NEXT, ORDER, rule  # noqa: E402
from recover_motion.addon.core.retarget.preset import load_preset  # noqa: E402
from recover_motion.addon.retarget.apply import RetargetSettings, retarget_to  # noqa: E402

from tests.addon.retarget.made_rigs import evaluated_heads, make_source, walk  # noqa: E402
from tests.addon.retarget.preset_rigs import (  # noqa: E402
    PREFIXES,
    BoneSpec,
    build_rig,
    mpfb_skeleton,
    skeleton_for,
)
from tests.addon.synthetic_result import PlainBody  # noqa: E402

FOLDER = ROOT / "presets" / "rigs"
PRESETS = {file.stem: load_preset(file) for file in sorted(FOLDER.glob("*.json"))}
MPFB = ("mpfb_default", "mpfb_game_engine", "mpfb_cmu", "mixamo")
MOVES, STEPS = 12, 48
"""Frames of a random motion, for directions, and of a walk, for feet."""


@dataclass(frozen=True)
class Sources:
    """Two recovered people of the same shape.

    Attributes:
        mover: turns all joints at random.
        walker: plants its feet.
        contact: `[T,4]` of the walker.
    """

    mover: bpy.types.Object
    walker: bpy.types.Object
    contact: np.ndarray

    @classmethod
    def make(cls, scene, plain_body, rng):
        """Both, in a scene."""
        motion, contact = walk(STEPS)
        mover = make_source(scene, plain_body, rng, MOVES, name="mover")
        return cls(
            mover, make_source(scene, plain_body, rng, STEPS, motion=motion, contact=contact, name="walker"), contact
        )


@dataclass(frozen=True)
class Measured:
    """Largest errors of a rig.

    Attributes:
        direction: degrees between a part's direction and the source's, by part; of parts matched by direction.
        turn: degrees between how far a part has turned since the first frame and the source's; of all others.
        slid_mm: how far a foot moved within a contact, by forward kinematics; planted_mm: with planted feet.
    """

    direction: dict[str, float]
    turn: dict[str, float]
    slid_mm: float
    planted_mm: float


def measure(scene, rig, bone_map, sources, ik=(), shows=None):
    """Retarget twice, and look at the rig as Blender evaluates it.

    Args:
        scene: of all.
        rig: the target.
        bone_map: of the rig.
        sources: to retarget from.
        ik: limbs whose feet the rig's own controls plant.
        shows: part -> bones that show it, where these are not the bones of the map.
    """
    shows = shows or bone_map.bones
    layer = scene.view_layers[0]
    fk = RetargetSettings(plant_feet=False, ik=())
    retarget_to(sources.mover, rig, bone_map, fk, scene, layer)
    direction, turn = followed(sources.mover, rig, bone_map, shows, scene)
    slid = []
    for settings in (fk, RetargetSettings(ik=ik)):
        retarget_to(sources.walker, rig, bone_map, settings, scene, layer)
        slid.append(feet_slide_mm(rig, shows, sources.contact, scene))
    return Measured(direction, turn, *slid)


def followed(source, rig, bone_map, shows, scene):
    """`Measured.direction` and `Measured.turn`."""
    frames = range(1, MOVES + 1)
    theirs, turned = evaluated_heads(source, scene, frames)
    ours, turns = evaluated_heads(rig, scene, frames)
    direction, turn = {}, {}
    for part in ORDER:
        if part not in shows:
            continue
        joint, end = "spine3" if part == "spine" else part, NEXT.get(part)
        if bone_map.match.get(part, rule(part)) == "direction" and end in shows:
            direction[part] = between_directions(theirs[end] - theirs[part], ours[shows[end][0]] - ours[shows[part][0]])
        elif bone_map.match.get(part, rule(part)) != "direction":
            turn[part] = between_turns(since_first(turned[joint]), since_first(turns[shows[part][-1]]))
    return direction, turn


def between_directions(a, b):
    """Largest angle in degrees between vectors `[T,3]`."""
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).max())


def since_first(turns):
    """Rotations `[T,3,3]` in the world since the first frame."""
    return turns @ turns[0].T


def between_turns(a, b):
    """Largest angle in degrees between rotations `[T,3,3]`."""
    chord = np.linalg.norm(a - b, axis=(-2, -1)) / np.sqrt(8.0)  # exact near zero, where the trace is not
    return float(np.degrees(2 * np.arcsin(np.clip(chord, 0, 1))).max())


def feet_slide_mm(rig, shows, contact, scene):
    """Farthest in millimetres that a foot's or toes' bone is from its median within one contact."""
    heads, _ = evaluated_heads(rig, scene, range(1, STEPS + 1))
    found = [
        np.linalg.norm(places[a:b] - np.median(places[a:b], axis=0), axis=-1).max()
        for side, column in (("left", 1), ("right", 3))
        for part in (f"{side}_ankle", f"{side}_foot")
        if part in shows
        for places in (heads[shows[part][0]],)
        for a, b in spans(contact[:, column])
    ]
    return 1000 * float(max(found))


def made_rig(key, scene, rng=None, *, arms_down=0.0, unit=1.0):
    """A rig with a preset's names, taller than the body, with shorter thighs, and bones of every rotation mode."""
    specs = skeleton_for(PRESETS[key], PREFIXES.get(key, ""), arms_down, stature=1.2, thigh=0.85)
    rig = build_rig(key, specs, scene.collection, rng, unit)
    for i, bone in enumerate(rig.pose.bones):
        bone.rotation_mode = ("QUATERNION", "XYZ", "ZYX", "AXIS_ANGLE")[i % 4]
    return rig


def recognised(rig) -> BoneMap:
    """The map that a rig is given by its names."""
    names = [bone.name for bone in rig.data.bones]
    return apply_preset(best_preset(PRESETS.values(), names), names)


def rigify_shows(bone_map):
    """What Rigify's controls move in the end, by part; the neck by its control, as the head turns part of it along."""
    names = {"pelvis": "spine", "spine": "spine.003", "head": "spine.006"}
    shows = {part: (f"ORG-{names.get(part, chain[0].replace('_fk', ''))}",) for part, chain in bone_map.bones.items()}
    return shows | {"neck": bone_map.bones["neck"]}


def deform_bones(rig) -> list[BoneSpec]:
    """The deform bones of a generated Rigify rig as a skeleton of its own, as one exports it."""

    def above(bone):
        """The deform bone that a bone's place in the metarig has above it."""
        parent = bone.parent
        while parent is not None:
            name = "DEF-" + parent.name.removeprefix("ORG-").removeprefix("DEF-")
            if name in rig.data.bones and name != bone.name:
                return name
            parent = parent.parent
        return None

    return [
        BoneSpec(bone.name, above(bone), np.array(bone.head_local), np.array(bone.tail_local), None)
        for bone in rig.data.bones
        if bone.name.startswith("DEF-")
    ]


def table_row(key, scene, sources):
    """A row of the table: on the real rig where there is one, else on two that were made with the preset's names."""
    rng = np.random.default_rng(20)
    if key in MPFB:
        on = "MPFB's own"
        found = [(build_rig(key, mpfb_skeleton(key), scene.collection), {})]
    elif key == "rigify_metarig":
        on, found = "Blender's Human metarig", [(bpy.data.objects["metarig"], {})]
    elif key == "rigify":
        rig = bpy.data.objects["rig"]
        on = "generated from it; feet by IK"
        found = [(rig, {"ik": ("left_leg", "right_leg"), "shows": rigify_shows(recognised(rig))})]
    elif key == "rigify_deform":
        on = "deform bones of the generated rig"
        found = [(build_rig(key, deform_bones(bpy.data.objects["rig"]), scene.collection), {})]
    else:
        on = "made, names only" if PRESETS[key].names_only else "made"
        found = [
            (made_rig(key, scene), {}),
            (made_rig(key, scene, rng, arms_down=50.0, unit=0.01), {}),
        ]
    maps = [recognised(rig) for rig, _ in found]
    assert all(bone_map.preset == key for bone_map in maps)
    measured = [measure(scene, rig, m, sources, **how) for (rig, how), m in zip(found, maps, strict=True)]
    return (
        PRESETS[key].name,
        on,
        str(len(maps[0].bones)),
        f"{max(max(m.direction.values()) for m in measured):.4f}",
        f"{max(max(m.turn.values()) for m in measured):.4f}",
        f"{max(m.slid_mm for m in measured):.1f}",
        f"{max(m.planted_mm for m in measured):.2f}",
    )


def main() -> None:
    """Print the table."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.object.armature_human_metarig_add()
    bpy.ops.pose.rigify_generate()
    scene = bpy.context.scene
    sources = Sources.make(scene, PlainBody(), np.random.default_rng(20))
    rows = [table_row(key, scene, sources) for key in PRESETS]
    print("| Preset | Rig | Parts | Direction | Turn | Feet, FK | Feet, planted |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
    os._exit(0)  # Blender as a module can wait for ever in a destructor, see tests/addon/conftest.py
