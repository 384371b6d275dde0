"""The path of the body: how large its steps are, how high its hips, and what carries it.

A target with longer legs takes longer steps. The hips' middle is what is carried over, since every rig has it where
its thighs start, wherever its pelvis bone begins.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .preset import LIMBS, NECK, SPINE
from .rotations import rotate
from .skeletons import JOINT, Array, SourceMotion, TargetRig


class RootMode(StrEnum):
    """What carries the path."""

    HIPS = "hips"  # the pelvis bone has all of it
    IN_PLACE = "in_place"  # nothing: the body stays above one point, and only rises and sinks
    ROOT_BONE = "root_bone"  # the root bone has place on the floor and heading, the pelvis the rest
    OBJECT = "object"  # as the root bone, but the armature object


@dataclass(frozen=True)
class Proportions:
    """Sizes of the target against the source's.

    Attributes:
        scale: of the path: the target's leg length over the source's (the trunk's without legs).
        floor: height of the target's sole at rest along `up`, in its units.
        ankle_rise: how much higher above the floor the target's ankles are than the scaled source's.
    """

    scale: float
    floor: float
    ankle_rise: float


def leg_length(joint: dict[str, Array]) -> float | None:
    """Mean length of the legs whose three joints are in `joint` (`[3]` each, by part); None without any."""
    found = []
    for limb, parts in LIMBS.items():
        if limb.endswith("leg") and all(part in joint for part in parts):
            hip, knee, ankle = (joint[part] for part in parts)
            found.append(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee))
    return float(np.mean(found)) if found else None


def proportions(source: SourceMotion, rig: TargetRig, notes: list[str]) -> Proportions:
    """Sizes of a target; `notes` get a sentence where legs are missing."""
    up = source.up
    theirs = {part: rig.joint(part) for part in rig.parts}
    ours = {part: source.rest[JOINT[part]] for part in theirs if part in JOINT}
    legs, source_legs = leg_length(theirs), leg_length(ours)
    if legs and source_legs:
        scale = legs / source_legs
    else:
        notes.append("The rig has no leg with hip, knee and ankle: its path is scaled by the length of its trunk.")
        scale = _trunk(theirs, ours)
    ankles = [joint for part in ("left_ankle", "right_ankle") if (joint := theirs.get(part)) is not None]
    if not ankles:
        return Proportions(scale, 0.0, 0.0)
    floor = _floor(rig, up, np.mean([a @ up for a in ankles]), legs or 1.0)
    ankle = np.mean([a @ up for a in ankles]) - floor
    own = np.mean([source.rest[JOINT[part]] @ up for part in ("left_ankle", "right_ankle")])
    return Proportions(scale, floor, float(ankle - scale * own))


def _trunk(theirs: dict[str, Array], ours: dict[str, Array]) -> float:
    top = next((part for part in ("head", NECK, "left_shoulder", "left_collar") if part in theirs), None)
    if top is None or (SPINE not in theirs and "pelvis" not in theirs):
        return 1.0
    length = np.linalg.norm(theirs[top] - theirs["pelvis"])
    return float(length / np.linalg.norm(ours[top] - ours["pelvis"])) if length > 1e-9 else 1.0


def _floor(rig: TargetRig, up: Array, ankle: float, legs: float) -> float:
    """Height of the sole: the armature's own ground where the feet reach down to about there, else the lowest bone."""
    feet = [i for part, chain in rig.parts.items() if part.endswith(("ankle", "foot")) for i in chain]
    lowest = min(min(rig.nodes[i].head @ up, rig.nodes[i].tail @ up) for i in feet)
    lowest = min(lowest, ankle)
    return 0.0 if -0.02 * legs <= lowest <= 0.12 * legs else float(lowest)


def hips_middle(rig: TargetRig) -> Array:
    """Rest place `[3]` between the thighs' joints; the pelvis where the rig has no two legs."""
    left, right = rig.joint("left_hip"), rig.joint("right_hip")
    return (left + right) / 2 if left is not None and right is not None else rig.joint("pelvis")


def source_middle(source: SourceMotion, rig: TargetRig) -> Array:
    """The same point `[3]` of the source at rest."""
    if rig.joint("left_hip") is not None and rig.joint("right_hip") is not None:
        return (source.rest[JOINT["left_hip"]] + source.rest[JOINT["right_hip"]]) / 2
    return source.rest[JOINT["pelvis"]]


def wanted_hips(source: SourceMotion, rig: TargetRig, sizes: Proportions) -> Array:
    """Where the middle of the target's hips should be `[T,3]`: it turns with the pelvis, as the rig's does."""
    pelvis = JOINT["pelvis"]
    middle = source.places[:, pelvis] + rotate(
        source.turns[:, pelvis], source_middle(source, rig) - source.rest[pelvis]
    )
    return sizes.scale * middle + source.up * (sizes.floor + sizes.ankle_rise)


def floor_root(source: SourceMotion, sizes: Proportions) -> Array:
    """The root's floor point `[T,3]` in the target's size."""
    root = source.root - np.outer(source.root @ source.up, source.up)
    return sizes.scale * root
