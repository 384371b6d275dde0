"""The turns that carry the target's rest pose through the clip: one per part, then one per bone.

With F the turn of the whole target at rest, Q its part's match and D the source joint's turn since rest, a bone with
rest axes M shows D Q F M. E = D Q is kept by part, so that inverse kinematics can still change it.
"""

from collections.abc import Set
from itertools import pairwise
from typing import Final

import numpy as np

from ..quaternions import conjugate, multiply, slerp, twist_angle
from .parts import BEFORE, NEXT
from .preset import NECK, SPINE
from .rest_match import RestMatch
from .rotations import about, normalised, rotate
from .skeletons import JOINT, Array, SourceMotion, TargetRig

_SPINE_JOINTS: Final = ("spine1", "spine2", "spine3")


def part_turns(source: SourceMotion, rig: TargetRig, match: RestMatch) -> dict[str, Array]:
    """E `[T,4]` of every mapped part; for spine and neck that of the chain's last bone."""
    turns = {}
    for part in rig.parts:
        joint = "spine3" if part == SPINE else part
        turns[part] = multiply(source.turns[:, JOINT[joint]], match.turns[part])
    return turns


def bone_turns(
    source: SourceMotion, rig: TargetRig, match: RestMatch, turns: dict[str, Array], only: Set[int] | None = None
) -> dict[int, Array]:
    """World rotation `[T,4]` of every mapped bone and twist bone, by node.

    Args:
        source, rig, match: the two skeletons and how they fit.
        turns: E by part, after any inverse kinematics.
        only: the nodes that are asked for; all by default.
    """
    shown: dict[int, Array] = {}
    for part, chain in rig.parts.items():
        if only is not None and only.isdisjoint(chain):
            continue
        if part in (SPINE, NECK) and len(chain) > 1:
            each = _along_trunk(source, rig, match, part)
        elif len(chain) > 1:
            each = _in_series(rig, match, turns, part)
        else:
            each = [turns[part]]
        for node, turn in zip(chain, each, strict=True):
            shown[node] = multiply(turn, multiply(match.facing, rig.nodes[node].rest))
    for part, bones in rig.twist.items():
        if part in turns and only is None:
            for node, turn in zip(bones, _beside(rig, match, turns, part), strict=True):
                shown[node] = multiply(turn, multiply(match.facing, rig.nodes[node].rest))
    return shown


def _along_trunk(source: SourceMotion, rig: TargetRig, match: RestMatch, part: str) -> list[Array]:
    """Turns of a spine or neck with another number of bones: the source's, read at the same share of its length.

    The last bone turns as the source's last; in between the bend is shared out along the arc. Chains with as many
    bones as the source correspond one to one.
    """
    chain = rig.parts[part]
    if part == SPINE:
        joints, first = _SPINE_JOINTS, "pelvis"
        ends = [source.rest[JOINT[name]] for name in (*_SPINE_JOINTS, NECK)]
    else:
        joints, first = (NECK,), "spine3"
        ends = [source.rest[JOINT[name]] for name in (NECK, "head")]
    known = [source.turns[:, JOINT[name]] for name in (first, *joints)]
    if len(chain) == len(joints):
        each = known[1:]
    else:
        # a bone's turn counts at its far end; `first` at the beginning of the chain
        at = np.concatenate([[0.0], np.cumsum([np.linalg.norm(b - a) for a, b in pairwise(ends)])])
        at /= at[-1]
        each = []
        for share in _far_ends(rig, part):
            k = int(np.clip(np.searchsorted(at, share) - 1, 0, len(joints) - 1))
            fraction = np.clip((share - at[k]) / (at[k + 1] - at[k]), 0.0, 1.0)
            each.append(slerp(known[k], known[k + 1], np.full(len(source.time_s), fraction)))
    return [multiply(turn, match.turns[part]) for turn in each]


def _far_ends(rig: TargetRig, part: str) -> Array:
    """Share of the chain's length `[N]` at which each bone of a part ends, the last at 1."""
    nodes = [rig.nodes[i] for i in rig.parts[part]]
    last = nodes[-1].tail
    following = rig.joint(NECK) if part == SPINE else rig.joint("head")
    if following is not None:
        last = following
    points = [*(node.head for node in nodes), last]
    lengths = np.array([np.linalg.norm(b - a) for a, b in pairwise(points)])
    if lengths.sum() < 1e-9:
        return np.arange(1, len(nodes) + 1) / len(nodes)
    return np.cumsum(lengths) / lengths.sum()


def _in_series(rig: TargetRig, match: RestMatch, turns: dict[str, Array], part: str) -> list[Array]:
    """Turns of a limb's bones in series: each keeps its direction, and the twist grows from none to all of it.

    Bones twist about themselves: about the line from joint to joint, a chain that is not straight would miss its end.
    """
    nodes = [rig.nodes[i] for i in rig.parts[part]]
    angle = _own_twist(match, turns, part)
    each = []
    for i, node in enumerate(nodes):
        if i + 1 < len(nodes):
            along = rotate(match.facing, normalised(nodes[i + 1].head - node.head))
            each.append(multiply(turns[part], about(along, -(1.0 - i / (len(nodes) - 1)) * angle)))
        else:
            each.append(turns[part])
    return each


def _beside(rig: TargetRig, match: RestMatch, turns: dict[str, Array], part: str) -> list[Array]:
    """Turns of twist bones that hang beside a limb's bone, by their place along it.

    On an upper arm or thigh they hold back its twist near the trunk; on a forearm or shin they lead to the twist of
    hand or foot.
    """
    axis = match.directions[part]
    start, length = _extent(rig, part)
    own_axis = rig_axis(rig, part)
    shares = [np.clip((rig.nodes[node].head - start) @ own_axis / length, 0.0, 1.0) for node in rig.twist[part]]
    following = NEXT[part]
    if part.endswith(("shoulder", "hip")):
        angle = _own_twist(match, turns, part)
        return [multiply(turns[part], about(axis, -(1.0 - share) * angle)) for share in shares]
    if following not in turns:
        return [turns[part]] * len(shares)
    relative = multiply(conjugate(turns[part]), turns[following])
    angle = np.unwrap(twist_angle(relative, axis))
    return [multiply(turns[part], about(axis, share * angle)) for share in shares]


def rig_axis(rig: TargetRig, part: str) -> Array:
    """Unit rest direction `[3]` of a limb's part, from its joint to the next (else to its bone's tail)."""
    start, end = rig.joint(part), rig.joint(NEXT[part])
    vector = (end if end is not None else rig.nodes[rig.parts[part][-1]].tail) - start
    return vector / max(np.linalg.norm(vector), 1e-12)


def _extent(rig: TargetRig, part: str) -> tuple[Array, float]:
    start, end = rig.joint(part), rig.joint(NEXT[part])
    end = end if end is not None else rig.nodes[rig.parts[part][-1]].tail
    return start, max(float(np.linalg.norm(end - start)), 1e-9)


def _own_twist(match: RestMatch, turns: dict[str, Array], part: str) -> Array:
    """Angle `[T]` by which a limb's part turns about itself, as seen from what it hangs from."""
    base = turns.get(BEFORE.get(part, ""))
    if base is None:
        side = part.split("_")[0]
        names = ("pelvis",) if part.endswith("hip") else (f"{side}_collar", SPINE, "pelvis")
        base = next(turns[name] for name in names if name in turns)
    return np.unwrap(twist_angle(multiply(conjugate(base), turns[part]), match.directions[part]))
