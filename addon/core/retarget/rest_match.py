"""Matching two rest poses: what turns the target's rest pose into the source's, part by part.

The target is first turned as a whole, so that both face one way (`facing`); then limbs are turned to point where the
source's point (`aligned`), each bone carried along by the one before and then by the smallest turn that is left. So
an A-pose becomes a T-pose the way an arm is raised, without twisting. Trunk, head and clavicles keep their own look.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ..quaternions import conjugate, from_matrices, multiply
from .parts import BEFORE, NEXT, ORDER, rule
from .preset import NECK, SPINE
from .rotations import IDENTITY, about, angle_between, between, normalised, rotate
from .skeletons import JOINT, Array, SourceMotion, TargetRig

_QUARTER: Final = np.pi / 2
_SNAP: Final = np.radians(5.0)
"""Rigs are built facing along an axis; a yaw this near to one comes from small differences between left and right."""
_TILTED: Final = np.radians(50.0)
"""A trunk that leans more than this from up belongs to a rig whose rest pose lies or whose axes are others."""
_OFF_AXIS: Final = np.radians(25.0)


@dataclass(frozen=True)
class RestMatch:
    """How the target's rest pose fits the source's.

    Attributes:
        facing: `[4]`, turn of the whole target.
        turns: `[4]` by part, after `facing`.
        directions: `[3]` by part, the target's rest directions after `facing`.
        notes: sentences about what could not be matched.
    """

    facing: Array
    turns: dict[str, Array]
    directions: dict[str, Array]
    notes: list[str] = field(default_factory=list)


def match_rest(source: SourceMotion, rig: TargetRig) -> RestMatch:
    """Match the rest poses of a source and a target."""
    notes: list[str] = []
    facing = _facing(source, rig, notes)
    turns: dict[str, Array] = {}
    directions: dict[str, Array] = {}
    for part in ORDER:
        if part not in rig.parts:
            continue
        before = turns.get(BEFORE.get(part, ""), IDENTITY)
        own = _target_direction(rig, part)
        directions[part] = rotate(facing, own)
        which = rig.match.get(part) or rule(part)
        if which == "rest":
            turns[part] = IDENTITY
        elif which == "heading":
            turns[part] = _heading(directions[part], source_direction(source, part), source.up)
        else:
            palm = _palm(source, rig, part, facing)
            if palm is not None:
                turns[part] = palm
            else:
                wanted = source_direction(source, part)
                turns[part] = multiply(between(rotate(before, directions[part]), wanted), before)
    return RestMatch(facing, turns, directions, notes)


def source_direction(source: SourceMotion, part: str) -> Array:
    """Unit rest direction `[3]` of a part of the source."""
    if part == SPINE:
        return normalised(source.rest[JOINT[NECK]] - source.rest[JOINT["spine1"]])
    joint = source.rest[JOINT[part]]
    if part in NEXT:
        return normalised(source.rest[JOINT[NEXT[part]]] - joint)
    return normalised(source.rest_tails[JOINT[part]] - joint)


def _target_direction(rig: TargetRig, part: str) -> Array:
    """Unit rest direction `[3]` of a part: to the next mapped joint, else as the bone or the one before it points."""
    joint = rig.joint(part)
    following = rig.joint(NECK) if part == SPINE else rig.joint(NEXT.get(part, ""))
    if following is None and part.endswith("wrist"):
        bases = [rig.joint(part.replace("wrist", f"{finger}1")) for finger in ("index", "ring", "pinky")]
        found = [base for base in bases if base is not None]
        following = np.mean(found, axis=0) if found else None
    following = following if following is not None else rig.tips.get(part)
    if following is not None and np.linalg.norm(following - joint) > 1e-9:
        return normalised(following - joint)
    last = rig.nodes[rig.parts[part][-1]]
    own = normalised(last.tail - last.head)
    before = BEFORE.get(part)
    if before in rig.parts:
        # where the bone before does not point along its limb, this rig's bone axes tell nothing
        chain = rig.nodes[rig.parts[before][-1]]
        along = _target_direction(rig, before)
        if angle_between(chain.tail - chain.head, along) > _OFF_AXIS:
            return along
    return own


def _heading(own: Array, wanted: Array, up: Array) -> Array:
    flat_own, flat_wanted = (v - up * (v @ up) for v in (own, wanted))
    if min(np.linalg.norm(flat_own), np.linalg.norm(flat_wanted)) < 0.2:
        return IDENTITY
    side = np.cross(flat_own, flat_wanted) @ up
    return about(up, np.arctan2(side, flat_own @ flat_wanted))


def _palm(source: SourceMotion, rig: TargetRig, part: str, facing: Array) -> Array | None:
    """The turn of a hand whose fingers tell where its palm looks; None for another part, or without such fingers."""
    if not part.endswith("wrist"):
        return None
    side = part.split("_")[0]

    def frame(joint: Callable[[str], Array | None]) -> Array | None:
        wrist, first, last = joint(part), joint(f"{side}_index1"), joint(f"{side}_pinky1")
        if last is None:
            last = joint(f"{side}_ring1")
        middle = joint(f"{side}_middle1")
        if first is None or last is None:
            return None
        along = normalised((middle if middle is not None else (first + last) / 2) - wrist)
        across = first - last
        across = normalised(across - along * (across @ along))
        return np.stack([along, across, np.cross(along, across)], axis=-1)

    last = "pinky1" if f"{side}_pinky1" in rig.parts else "ring1"
    target = frame(rig.joint)
    if target is None or np.linalg.norm(target[:, 1]) < 0.5:
        return None
    known = {f"{side}_{name}" for name in ("index1", "middle1", last)} | {part}
    known &= rig.parts.keys() | {part}
    wanted = frame(lambda name: source.rest[JOINT[name]] if name in known else None)
    if wanted is None:
        return None
    return multiply(from_matrices(wanted), conjugate(multiply(facing, from_matrices(target))))


def _facing(source: SourceMotion, rig: TargetRig, notes: list[str]) -> Array:
    own = _body_frame(rig.joint, source.up)
    wanted = _body_frame(lambda part: source.rest[JOINT["spine1" if part == SPINE else part]], source.up)
    if own is None or wanted is None:
        notes.append("Which way the rig faces cannot be told, as it has no two legs or arms: it is taken as it stands.")
        return IDENTITY
    turn = from_matrices(wanted @ own.T)
    if abs(abs(rotate(turn, source.up) @ source.up) - 1.0) < 1e-6:
        yaw = 2.0 * np.arctan2(turn[1:] @ source.up, turn[0])
        nearest = np.round(yaw / _QUARTER) * _QUARTER
        return about(source.up, nearest if abs(yaw - nearest) < _SNAP else yaw)
    return turn


def _body_frame(joint: Callable[[str], Array | None], up: Array) -> Array | None:
    """Columns left, up and forward of a body at rest; None where left and right cannot be told."""
    pairs = [(joint(f"left_{name}"), joint(f"right_{name}")) for name in ("hip", "shoulder", "collar", "ankle")]
    across = [normalised(left - right) for left, right in pairs if left is not None and right is not None]
    across = [v for v in across if np.linalg.norm(v) > 0.5]
    if not across:
        return None
    left = np.sum(across[:2], axis=0)
    pelvis = joint("pelvis")
    top = next((p for p in (joint("head"), joint(NECK), joint(SPINE)) if p is not None), None)
    if top is not None and np.linalg.norm(top - pelvis) > 1e-9 and angle_between(top - pelvis, up) > _TILTED:
        up = normalised(top - pelvis)
    left = left - up * (left @ up)
    if np.linalg.norm(left) < 0.1:
        return None
    left = normalised(left)
    return np.stack([left, up, np.cross(left, up)], axis=-1)
