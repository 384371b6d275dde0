"""Which bones of a chain are the parts of a leg, an arm and a hand, by their lengths and places."""

from typing import Final

import numpy as np

from .bone_tree import BoneTree
from .rotations import normalised

_FINGERS: Final = ("index", "middle", "ring", "pinky")


def leg_bones(tree: BoneTree, start: int) -> list[int]:
    """Thigh, shin, foot and toes: the knee is the joint near half of the way from hip to ankle.

    Args:
        tree: of the rig.
        start: the leg's first bone.

    Returns:
        Their indices in this order; less where the chain is too short.
    """
    chain = tree.chain(start)
    heads = np.array([tree.bones[i].head for i in chain])
    directions = [
        normalised((heads[k + 1] if k + 1 < len(chain) else tree.bones[i].tail) - heads[k]) for k, i in enumerate(chain)
    ]
    bottom = tree.lowest[start]
    drop = heads[0][2] - bottom
    ankle = next(
        (k for k in range(2, len(chain)) if heads[k][2] - bottom < 0.25 * drop and directions[k][2] > -0.9),
        len(chain) - 1,
    )
    if ankle < 1:
        return chain[:1]
    down = heads[: ankle + 1]
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(down, axis=0), axis=-1))])
    knee = int(np.argmin(np.abs(along[1:ankle] / along[-1] - 0.5))) + 1 if ankle > 1 else ankle
    return [chain[0], chain[knee], *([chain[ankle]] if ankle > knee else []), *chain[ankle + 1 : ankle + 2]]


def arm_bones(tree: BoneTree, side: str, start: int) -> dict[str, tuple[str, ...]]:
    """Clavicle, upper arm, forearm, hand and fingers.

    Args:
        tree: of the rig.
        side: `left` or `right`.
        start: the arm's first bone.

    Returns:
        Names of bones by part, such as `left_elbow`; a part that the arm does not have is left out.
    """
    way, hand = [start], None
    while True:
        following = [c for c in tree.children[way[-1]] if tree.size[c] > 0.01 * tree.height]
        fingers = [c for c in following if tree.reach(c) > 0.02 * tree.height]
        if len(fingers) >= 3:
            hand = way[-1]
            break
        if not following:
            break
        way.append(max(following, key=lambda c: tree.reach(c)))
    if hand is None:
        way = _without_tip(tree, way)
        hand = way[-1]
    before = way[: way.index(hand)]
    heads = np.array([tree.bones[i].head for i in (*before, hand)])
    lengths = np.linalg.norm(np.diff(heads, axis=0), axis=-1)
    names: dict[str, tuple[str, ...]] = {}
    if len(before) >= 2:
        # the elbow halves the way to the hand best among all pairs; what comes before the upper arm is the clavicle
        cuts = [
            (abs(lengths[u:e].sum() - lengths[e:].sum()) / lengths[u:].sum() + 0.3 * u, u, e)
            for u in range(min(2, len(before) - 1))
            for e in range(u + 1, len(before))
        ]
        _, upper, elbow = min(cuts)
        if upper == 0 and len(before) >= 3 and lengths[0] < 0.7 * lengths[1]:
            upper, elbow = 1, max(elbow, 2)
        if upper:
            names[f"{side}_collar"] = tree.names(before[:1])
        names[f"{side}_shoulder"] = tree.names([before[upper]])
        names[f"{side}_elbow"] = tree.names([before[elbow]])
    elif before:
        names[f"{side}_shoulder"] = tree.names(before)
    names[f"{side}_wrist"] = tree.names([hand])
    return names | _fingers(tree, side, hand)


def _without_tip(tree: BoneTree, way: list[int]) -> list[int]:
    """An arm without fingers: a very short last bone is an end marker."""
    while len(way) > 3 and tree.size[way[-1]] < 0.02 * tree.height:
        way = way[:-1]
    return way


def _fingers(tree: BoneTree, side: str, hand: int) -> dict[str, tuple[str, ...]]:
    chains = [tree.chain(c) for c in tree.children[hand]]
    chains = [chain for chain in chains if len(chain) >= 2]
    if len(chains) not in (4, 5):
        return {}
    bases = np.array([tree.bones[chain[0]].head for chain in chains])
    tips = np.array([tree.bones[chain[-1]].tail for chain in chains])
    wrist = tree.bones[hand].head
    across = np.linalg.svd(bases - bases.mean(axis=0))[2][0]
    order = list(np.argsort(bases @ across))
    thumb = None
    if len(chains) == 5:  # the thumb leaves nearest to the wrist, from an end of the row
        ends = (order[0], order[-1])
        thumb = min(ends, key=lambda k: np.linalg.norm(bases[k] - wrist) + np.linalg.norm(tips[k] - wrist))
        order.remove(thumb)
        row = (
            order
            if np.linalg.norm(bases[order[0]] - bases[thumb]) < np.linalg.norm(bases[order[-1]] - bases[thumb])
            else order[::-1]
        )
    else:  # the index finger is on the side that faces forwards, -y, in rigs as they are built
        row = order if bases[order[0]][1] < bases[order[-1]][1] else order[::-1]
    names = {}
    for finger, k in zip((*_FINGERS, "thumb"), (*row, *([thumb] if thumb is not None else [])), strict=False):
        chain = chains[k]
        chain = (
            chain[1:]
            if len(chain) > 4 or (len(chain) == 4 and finger != "thumb" and _has_palm_bone(tree, chain))
            else chain
        )
        for n, i in enumerate(chain[:3], start=1):
            names[f"{side}_{finger}{n}"] = tree.names([i])
    return names


def _has_palm_bone(tree: BoneTree, chain: list[int]) -> bool:
    """Whether the first bone of a finger lies in the palm: it is then longer than the next."""
    a, b, c = (tree.bones[i].head for i in chain[:3])
    return bool(np.linalg.norm(b - a) > 1.15 * np.linalg.norm(c - b))
