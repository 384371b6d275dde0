"""Optional arm inverse kinematics: hands that are together, on the hips, the knees or the head stay so.

A wrist near a part of the body is placed relative to that part, in the target's size; with distance this fades into
forward kinematics, so free arms keep the recovered directions.
"""

from typing import Final

import numpy as np

from ..quaternions import multiply
from . import two_bone
from .parts import SIDES
from .posing import Posed
from .rotations import normalised, rotate
from .skeletons import JOINT, Array, SourceMotion, TargetRig

_NEAR: Final = 0.45
_FAR: Final = 0.9
"""Of the arm's length: a wrist nearer than the first to a part belongs to it, beyond the second it is free."""
_ANCHORS: Final = ("left_hip", "right_hip", "left_knee", "right_knee", "head", "pelvis")


def reach_arms(
    source: SourceMotion, rig: TargetRig, scale: float, turns: dict[str, Array], posed: Posed
) -> dict[str, Array]:
    """E by part, changed for the arms.

    Args:
        source, rig: the two skeletons.
        scale: the target's size against the source's.
        turns: E by part; posed: the rig as they pose it.
    """
    arms = [s for s in SIDES if all(f"{s}_{part}" in rig.parts for part in ("shoulder", "elbow", "wrist"))]
    theirs = {part: posed.places[chain[0]] for part, chain in rig.parts.items()}
    goals = {side: _goal(source, theirs, scale, side, "".join(s for s in arms if s != side)) for side in arms}
    solved = dict(turns)
    for side in arms:
        shoulder, elbow, wrist = (theirs[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist"))
        upper, lower = two_bone.solve(elbow - shoulder, wrist - elbow, goals[side] - shoulder, _hinge(source, side))
        solved[f"{side}_shoulder"] = multiply(upper, turns[f"{side}_shoulder"])
        solved[f"{side}_elbow"] = multiply(lower, turns[f"{side}_elbow"])
    return solved


def _goal(source: SourceMotion, theirs: dict[str, Array], scale: float, side: str, other: str) -> Array:
    wrist = source.places[:, JOINT[f"{side}_wrist"]]
    length = sum(
        np.linalg.norm(source.rest[JOINT[f"{side}_{b}"]] - source.rest[JOINT[f"{side}_{a}"]])
        for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))
    )
    free = theirs[f"{side}_wrist"]
    pull, weight = np.zeros_like(free), np.zeros(len(free))
    nearest = np.zeros(len(free))
    anchors = [(JOINT[name], theirs[name], 1.0) for name in _ANCHORS if name in theirs]
    if other:  # each hand goes half of the way to where it is relative to the other
        anchors.append((JOINT[f"{other}_wrist"], theirs[f"{other}_wrist"], 0.5))
    for joint, place, share in anchors:
        apart = wrist - source.places[:, joint]
        closeness = _closeness(np.linalg.norm(apart, axis=-1) / length)
        own = free + share * (place + scale * apart - free)
        pull += closeness[:, None] ** 2 * own
        weight += closeness**2
        nearest = np.maximum(nearest, closeness)
    held = pull / np.maximum(weight, 1e-9)[:, None]
    return free + nearest[:, None] * (held - free)


def _closeness(distance: Array) -> Array:
    x = np.clip((_FAR - distance) / (_FAR - _NEAR), 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _hinge(source: SourceMotion, side: str) -> Array:
    """The elbow's axis `[T,3]`: upright at rest, when the arm points sideways; the forearm then bends forwards."""
    shoulder, elbow = (source.rest[JOINT[f"{side}_{part}"]] for part in ("shoulder", "elbow"))
    other = source.rest[JOINT["right_shoulder" if side == "left" else "left_shoulder"]]
    forward = normalised(np.cross(shoulder - other, source.up)) * (1.0 if side == "left" else -1.0)
    axis = normalised(np.cross(elbow - shoulder, forward))
    return rotate(source.turns[:, JOINT[f"{side}_shoulder"]], axis)
