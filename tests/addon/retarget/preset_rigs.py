"""Rigs for the tests: a skeleton for any preset, in any rest pose, with any axes; and MPFB's own.

`mpfb_rest_poses.json` holds places and rolls of MPFB's rigs (CC0) without their faces: `{preset: {bone: [parent, head,
tail, roll]}}`, metres, z up, facing -y.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from recover_motion.addon.core.axes import to_blender_points
from recover_motion.addon.core.retarget.preset import RigPreset
from recover_motion.inference_backend.protocol.skeleton import JOINTS, PARENTS

from tests.addon.synthetic_result import PlainBody

_MPFB = Path(__file__).with_name("mpfb_rest_poses.json")
PREFIXES = {"mixamo": "mixamorig:", "character_creator": "CC_Base_", "rigify_deform": "DEF-", "smpl": "m_avg_"}
"""What stands before the names of a real rig, by preset."""

_TIPS = {"head": (0, 0, 0.18), "jaw": (0, -0.08, 0), "eye_smplhf": (0, -0.03, 0), "foot": (0, -0.07, 0)}


@dataclass(frozen=True)
class BoneSpec:
    """A bone at rest: metres, z up, facing -y."""

    name: str
    parent: str | None
    head: np.ndarray
    tail: np.ndarray
    roll: float | None = None


def mpfb_skeleton(key: str) -> list[BoneSpec]:
    """One of MPFB's rigs: `mpfb_default`, `mpfb_game_engine`, `mpfb_cmu`, `mixamo`."""
    rows = json.loads(_MPFB.read_text(encoding="utf-8"))[key]
    return [
        BoneSpec(name, parent, np.array(head), np.array(tail), roll)
        for name, (parent, head, tail, roll) in rows.items()
    ]


def skeleton_for(
    preset: RigPreset, prefix: str = "", arms_down: float = 0.0, stature: float = 1.0, thigh: float = 1.0
) -> list[BoneSpec]:
    """A skeleton with the bones that a preset names, on the open body's joints.

    Args:
        preset: of a rig without controls.
        prefix: stands before every name.
        arms_down: degrees by which the arms hang below a T-pose.
        stature: size of the skeleton, 1 for the body's own.
        thigh: length of the thighs, 1 for the body's own; ankles stay where they are.
    """
    joints = stature * to_blender_points(PlainBody().shaped(np.zeros(10))[1])
    joints[:, 2] -= joints[10:12, 2].min() - 0.02
    place = dict(zip(JOINTS, joints, strict=True))
    for side, sign in (("left", 1), ("right", -1)):
        hip, knee = place[f"{side}_hip"], place[f"{side}_knee"]
        place[f"{side}_knee"] = hip + thigh * (knee - hip)
        turn = np.array(Matrix.Rotation(sign * np.radians(arms_down), 3, "Y"))
        for name in JOINTS:
            if name.startswith(side) and JOINTS.index(name) >= JOINTS.index("left_shoulder") and "eye" not in name:
                place[name] = turn @ (place[name] - place[f"{side}_shoulder"]) + place[f"{side}_shoulder"]
    place["spine"] = place["spine1"]
    bones: dict[str, BoneSpec] = {}
    last: dict[str, str] = {}  # the bone that a part's children hang from
    parent_of_all = prefix + preset.root_bone if preset.root_bone else None
    if parent_of_all:
        bones[parent_of_all] = BoneSpec(parent_of_all, None, np.zeros(3), np.array([0, 0, 0.2]))
    for part in (
        "pelvis",
        "spine",
        "neck",
        *(j for j in JOINTS[1:] if j not in ("spine1", "spine2", "spine3", "neck")),
    ):
        if part not in preset.bones:
            continue
        parent = _parent(part, last) or parent_of_all
        start, end = place[part], _end(part, place, preset)
        names = [prefix + name.split("|")[0] for name in preset.bones[part]]
        cuts = np.linspace(0, 1, len(names) + 1)
        for i, name in enumerate(names):
            bones[name] = BoneSpec(name, parent, start + cuts[i] * (end - start), start + cuts[i + 1] * (end - start))
            parent = name
        last[part] = parent
        for i, name in enumerate(prefix + twist for twist in preset.twist.get(part, ())):
            at = (i + 1) / (len(preset.twist[part]) + 1)
            where = start + at * (end - start)
            bones[name] = BoneSpec(name, names[0], where, where + 0.3 * (end - start))
    for helper in dict.fromkeys((*preset.follow, *preset.detect)):
        if prefix + helper not in bones:  # a bone that moves nothing, of which only the name matters
            bones[prefix + helper] = BoneSpec(prefix + helper, parent_of_all, np.zeros(3), np.array([0, 0, 0.1]))
    return list(bones.values())


def _parent(part: str, last: dict[str, str]) -> str | None:
    if part == "pelvis":
        return None
    above = {"spine": "pelvis", "neck": "spine", "head": "neck"}
    while part != "pelvis":
        joint = PARENTS[JOINTS.index(part)] if part in JOINTS else 0
        part = above.get(part) or JOINTS[joint].rstrip("123" if JOINTS[joint].startswith("spine") else "")
        if part in last:
            return last[part]
    return None


def _end(part: str, place: dict[str, np.ndarray], preset: RigPreset) -> np.ndarray:
    """Where a part's chain ends: at the next part that the preset has, or a little further on."""
    if part == "spine":
        return place["neck" if "neck" in preset.bones else "head"]
    if part == "pelvis":
        return place["spine1"]
    if part.endswith("wrist"):
        return place[part.replace("wrist", "middle1")]
    children = [JOINTS[i] for i, parent in enumerate(PARENTS) if parent >= 0 and JOINTS[parent] == part]
    children = [child for child in children if child in preset.bones or part in ("neck",)]
    if children:
        return place[children[0]]
    for tip, vector in _TIPS.items():
        if part.endswith(tip):
            return place[part] + np.array(vector)
    if part[-1].isdigit():  # the end of a finger goes on as it came
        before = part[:-1] + str(int(part[-1]) - 1)
        return place[part] + 0.8 * (place[part] - place[before])
    below = [JOINTS[i] for i, parent in enumerate(PARENTS) if parent >= 0 and JOINTS[parent] == part]
    return place[below[0]]


def build_rig(
    name: str,
    bones: Sequence[BoneSpec],
    collection: bpy.types.Collection,
    rng: np.random.Generator | None = None,
    unit: float = 1.0,
) -> bpy.types.Object:
    """An armature object with these bones.

    Args:
        name: of the object and its data.
        bones: parents before children, or not.
        collection: to link it to.
        rng: where given, rolls are random and so are the lengths of bones: no rule about axes holds.
        unit: metres of one unit of the armature; the object is scaled by it (0.01 for centimetres).
    """
    armature = bpy.data.armatures.new(name)
    obj = bpy.data.objects.new(name, armature)
    collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    made = {spec.name: armature.edit_bones.new(spec.name) for spec in bones}
    for spec in bones:
        bone = made[spec.name]
        length = 1.0 if rng is None else rng.uniform(0.3, 1.0)
        bone.head = Vector(spec.head / unit)
        bone.tail = Vector((spec.head + length * (spec.tail - spec.head)) / unit)
        bone.roll = spec.roll if spec.roll is not None else 0.0
        if rng is not None:
            bone.roll = rng.uniform(-np.pi, np.pi)
        if spec.parent:
            bone.parent = made[spec.parent]
    bpy.ops.object.mode_set(mode="OBJECT")
    obj.scale = (unit, unit, unit)
    return obj
