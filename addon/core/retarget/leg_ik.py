"""Contact-aware leg inverse kinematics: feet that are planted in the recovery stay planted on the target."""

from typing import Final

import numpy as np

from ....inference_backend.protocol.skeleton import CONTACT_POINTS
from ..quaternions import conjugate, multiply
from . import two_bone
from .parts import SIDES
from .path import Proportions
from .planting import Foot, Planted, plant, standing
from .posing import Posed
from .rest_match import RestMatch
from .rotations import normalised, rotate
from .skeletons import JOINT, Array, SourceMotion, TargetRig

_HEEL_BACK: Final = 0.3
"""The heel stands behind the ankle by this share of the foot's length from ankle to ball."""
_STRAIGHT: Final = 0.998
"""A planted leg is stretched to at most this share of its length; where that is not enough, the body comes down."""
_LARGEST_DROP: Final = 0.25
"""Of the leg's length."""
_DROP_EASE_S: Final = 0.3


def has_leg(rig: TargetRig, side: str) -> bool:
    """Whether a side has hip, knee and ankle."""
    return all(f"{side}_{part}" in rig.parts for part in ("hip", "knee", "ankle"))


def feet(
    source: SourceMotion, rig: TargetRig, match: RestMatch, sizes: Proportions, turns: dict[str, Array], posed: Posed
) -> dict[str, Foot]:
    """The feet, by side, as forward kinematics leave them.

    Args:
        source, rig, match, sizes: the two skeletons and how they fit.
        turns: E by part.
        posed: the rig by forward kinematics.
    """
    found = {}
    for side in SIDES:
        if not has_leg(rig, side):
            continue
        ankle = rig.parts[f"{side}_ankle"][0]
        heel, ball = _sole(rig, match, side, source.up, sizes.floor)
        heights = _source_heights(source, side)
        ball_rest = (rig.joint(f"{side}_ankle") @ source.up - sizes.floor) + ball @ source.up
        heel_contact, ball_contact = (
            standing(
                source.contact[:, CONTACT_POINTS.index(f"{side}_{point}")],
                source.places[:, JOINT[f"{side}_{joint}"]],
                source.time_s,
                rig.unit_m,
            )
            for point, joint in (("heel", "ankle"), ("toe", "foot"))
        )
        found[side] = Foot(
            ankle=posed.places[ankle],
            turn=turns[f"{side}_ankle"],
            heel=heel,
            ball=ball,
            heel_height=sizes.floor + sizes.scale * heights[0],
            ball_height=sizes.floor + sizes.scale * heights[1] + ball_rest,
            heel_contact=heel_contact,
            ball_contact=ball_contact,
        )
    return found


def _sole(rig: TargetRig, match: RestMatch, side: str, up: Array, floor: float) -> tuple[Array, Array]:
    """From the ankle to the heel's point on the sole and to the ball's joint, `[3]` each, in the aligned rest pose."""
    part = f"{side}_ankle"
    ankle = rig.joint(part)
    ball = rig.joint(f"{side}_foot")
    ball = rig.nodes[rig.parts[part][-1]].tail if ball is None else ball
    to_ball = ball - ankle
    flat = to_ball - up * (to_ball @ up)
    heel = -_HEEL_BACK * flat - up * (ankle @ up - floor)
    return rotate(match.facing, heel), rotate(match.facing, to_ball)


def _source_heights(source: SourceMotion, side: str) -> tuple[Array, Array]:
    """How far the source's heel and ball are above where they stand at rest, `[T]` each."""
    up = source.up
    ankle, ball = JOINT[f"{side}_ankle"], JOINT[f"{side}_foot"]
    to_ball = source.rest[ball] - source.rest[ankle]
    flat = to_ball - up * (to_ball @ up)
    heel = -_HEEL_BACK * flat - up * (source.rest[ankle] @ up)
    heel_height = (source.places[:, ankle] + rotate(source.turns[:, ankle], heel)) @ up
    return heel_height, source.places[:, ball] @ up - source.rest[ball] @ up


def plant_feet(
    source: SourceMotion,
    rig: TargetRig,
    match: RestMatch,
    found: dict[str, Foot],
    turns: dict[str, Array],
    posed: Posed,
) -> tuple[dict[str, Array], dict[str, Planted], Array]:
    """Bring the feet to their places.

    Returns:
        E by part, changed for the legs; the planted feet by side; and by how much the hips come down `[T]`.
    """
    planted = {side: plant(foot, source.time_s, source.up) for side, foot in found.items()}
    drop = _drop(source, rig, planted, posed)
    solved = dict(turns)
    for side, foot in planted.items():
        hip, knee, ankle = (posed.places[rig.parts[f"{side}_{part}"][0]] for part in ("hip", "knee", "ankle"))
        hinge = _hinge(match, turns, side, source.up)
        goal = foot.ankle - (hip - np.outer(drop, source.up))
        upper, lower = two_bone.solve(knee - hip, ankle - knee, goal, hinge)
        solved[f"{side}_hip"] = multiply(upper, turns[f"{side}_hip"])
        solved[f"{side}_knee"] = multiply(lower, turns[f"{side}_knee"])
        solved[f"{side}_ankle"] = foot.turn
        if f"{side}_foot" in turns:
            solved[f"{side}_foot"] = multiply(foot.correction, turns[f"{side}_foot"])
    return solved, planted, drop


def _hinge(match: RestMatch, turns: dict[str, Array], side: str, up: Array) -> Array:
    """The knee's axis `[T,3]`: at rest it lies across the leg and the way the toes point, and knees bend backwards."""
    forward = match.directions.get(f"{side}_foot")
    forward = match.directions[f"{side}_ankle"] if forward is None else forward
    forward = rotate(match.turns[f"{side}_ankle"], forward)
    forward = forward - up * (forward @ up)
    thigh = rotate(match.turns[f"{side}_hip"], match.directions[f"{side}_hip"])
    axis = normalised(np.cross(forward, thigh))
    # E holds the match already, and the axis is given after it
    undone = rotate(conjugate(match.turns[f"{side}_hip"]), axis)
    return rotate(turns[f"{side}_hip"], undone)


def _drop(source: SourceMotion, rig: TargetRig, planted: dict[str, Planted], posed: Posed) -> Array:
    """By how much the body must come down `[T]` for planted legs to reach, eased in and out."""
    needed = np.zeros(len(source.time_s))
    for side, foot in planted.items():
        hip, knee, ankle = (posed.places[rig.parts[f"{side}_{part}"][0]] for part in ("hip", "knee", "ankle"))
        lengths = np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)
        reach = _STRAIGHT * lengths
        to_goal = foot.ankle - hip
        height = to_goal @ source.up
        across = np.linalg.norm(to_goal - np.outer(height, source.up), axis=-1)
        drop = -height - np.sqrt(np.maximum(reach**2 - across**2, 0.0))
        drop = np.clip(drop, 0.0, _LARGEST_DROP * lengths)
        needed = np.maximum(needed, np.where(foot.fixed, drop, 0.0))
    if not needed.any():
        return needed
    step = float(np.median(np.diff(source.time_s))) if len(source.time_s) > 1 else 1.0
    half = max(round(_DROP_EASE_S / max(step, 1e-6)), 1)
    return envelope(needed, half)


def envelope(values: Array, half: int) -> Array:
    """A smooth curve `[T]` nowhere below `values`: the running maximum, averaged over the same window."""
    padded = np.pad(values, 2 * half, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    highest = windows.max(axis=-1)
    weights = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(highest, weights / weights.sum(), mode="valid")
