"""Finding a body in a skeleton whose names tell nothing: hips with two legs and a trunk, by places alone.

The hips are the bone from which two long chains lead down on either side and one leads up; the chest is the bone on
that one from which two arms lead sideways.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ....inference_backend.protocol.errors import ErrorCode, RecoverError
from .bone_map import BoneMap
from .preset import NECK, SPINE
from .rotations import normalised

Array = NDArray[np.float64]

_FINGERS: Final = ("index", "middle", "ring", "pinky")


@dataclass(frozen=True)
class Bone:
    """A bone at rest in the world.

    Attributes:
        name: its name; parent: index of its parent, -1 for none; head, tail: `[3]`, metres, z up.
    """

    name: str
    parent: int
    head: Array
    tail: Array


def find_body(bones: Sequence[Bone], rig_name: str) -> BoneMap:
    """A map found by structure.

    Args:
        bones: of a rig, in rest pose, upright in the world; parents before children.
        rig_name: for messages.

    Raises:
        RecoverError: `BAD_INPUT`, no body with a trunk and two legs or two arms can be made out, or more than one way.
    """
    return _Finder(bones, rig_name).find()


class _Finder:
    def __init__(self, bones: Sequence[Bone], rig_name: str) -> None:
        self.bones, self.rig_name = bones, rig_name
        self.children: list[list[int]] = [[] for _ in bones]
        for i, bone in enumerate(bones):
            if bone.parent >= 0:
                self.children[bone.parent].append(i)
        points = np.array([p for bone in bones for p in (bone.head, bone.tail)]).reshape(-1, 3)
        self.height = max(float(np.ptp(points[:, 2])), 1e-9) if len(points) else 0.0
        self.lowest = [self._extreme(i, min) for i in range(len(bones))]
        self.highest = [self._extreme(i, max) for i in range(len(bones))]
        self.size = [self._size(i) for i in range(len(bones))]

    def bad(self, what: str) -> RecoverError:
        return RecoverError(
            ErrorCode.BAD_INPUT,
            f"No body was recognised in {self.rig_name!r}: {what}.",
            "Choose a preset, or set the bones in the list by hand.",
        )

    def _extreme(self, i: int, pick: Callable[[list[float]], float]) -> float:
        own = [self.bones[i].head[2], self.bones[i].tail[2]]
        return float(pick([*own, *(self._extreme(c, pick) for c in self.children[i])]))

    def _size(self, i: int) -> float:
        """Length of the longest way down from a bone's head."""
        longest = max(
            (np.linalg.norm(self.bones[c].head - self.bones[i].head) + self._size(c) for c in self.children[i]),
            default=0.0,
        )
        return float(max(longest, np.linalg.norm(self.bones[i].tail - self.bones[i].head)))

    def find(self) -> BoneMap:
        if not self.bones:
            raise self.bad("it has no bones")
        hips, legs = self._hips()
        trunk = self._trunk(hips, legs)
        chest, arms, necks = self._chest(trunk)
        bones: dict[str, tuple[str, ...]] = {"pelvis": (self.bones[hips].name,)}
        spine = [i for i in trunk[: trunk.index(chest) + 1] if i != hips] if chest is not None else trunk
        if spine:
            bones[SPINE] = self._names(spine)
        if necks:
            if len(necks) > 1:
                bones[NECK] = self._names(necks[:-1])
            bones["head"] = self._names(necks[-1:])
        for side, leg in self._sided(legs):
            for part, i in zip(("hip", "knee", "ankle", "foot"), self._leg(leg), strict=False):
                bones[f"{side}_{part}"] = self._names([i])
        for side, arm in self._sided(arms):
            bones |= self._arm(side, arm)
        root = self._root(hips)
        return BoneMap("", bones, root_bone=root, root_mode="root_bone" if root else "hips")

    def _names(self, indices: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.bones[i].name for i in indices)

    def _hips(self) -> tuple[int, list[int]]:
        """The bone that two legs hang from, and the first bone of each."""
        bottom = min(self.lowest)
        found = []
        for i, bone in enumerate(self.bones):
            legs = [
                c
                for c in self.children[i]
                if self.size[c] > 0.2 * self.height
                and self.lowest[c] < bottom + 0.12 * self.height
                and self.highest[c] < bone.head[2] + 0.15 * self.height
            ]
            if len(legs) >= 2:
                found.append((i, legs))
        if not found:
            raise self.bad("there is no bone that two legs hang from")
        hips, legs = max(found, key=lambda entry: len(self._way_up(entry[0])))
        if len(legs) > 2:
            raise self.bad(f"{len(legs)} legs hang from {self.bones[hips].name!r}")
        return hips, legs

    def _way_up(self, i: int) -> list[int]:
        way = [i]
        while self.bones[way[-1]].parent >= 0:
            way.append(self.bones[way[-1]].parent)
        return way

    def _trunk(self, hips: int, legs: list[int]) -> list[int]:
        """From the hips (or what they hang from) upwards, as long as it goes on."""
        start = hips
        ups = [c for c in self.children[start] if c not in legs and self.highest[c] > self.bones[hips].head[2]]
        if not ups:  # legs may hang from a bone beside the spine, both from one above them
            parent = self.bones[hips].parent
            if parent < 0:
                raise self.bad("no trunk leads up from the hips")
            ups = [c for c in self.children[parent] if c != hips and self.highest[c] > self.bones[hips].head[2]]
            if not ups:
                raise self.bad("no trunk leads up from the hips")
        trunk = [max(ups, key=lambda c: (self.highest[c], self.size[c]))]
        while self.children[trunk[-1]]:
            onward = max(self.children[trunk[-1]], key=lambda c: self.highest[c])
            last = self.bones[trunk[-1]]
            if self.highest[onward] <= max(last.head[2], last.tail[2] - 0.01 * self.height):
                break  # what hangs from the head
            trunk.append(onward)
        return trunk

    def _chest(self, trunk: list[int]) -> tuple[int | None, list[int], list[int]]:
        """The bone that two arms leave from, their first bones, and what goes on to the head."""
        best: tuple[int | None, list[int]] = (None, [])
        for i in trunk:
            arms = [
                c for c in self.children[i] if c not in trunk and self.size[c] > 0.2 * self.height and self._aside(c)
            ]
            if len(arms) >= 2:
                best = (i, arms)
                break
        chest, arms = best
        if chest is None:
            return None, [], trunk[-1:]
        if len(arms) > 2:
            raise self.bad(f"{len(arms)} arms leave {self.bones[chest].name!r}")
        return chest, arms, self._head(trunk[trunk.index(chest) + 1 :])

    def _aside(self, i: int) -> bool:
        """Whether a chain ends far from the middle."""
        tip = self._chain(i)[-1]
        start = self.bones[i].head
        return float(np.linalg.norm((self.bones[tip].tail - start)[:2])) > 0.1 * self.height

    def _head(self, way: list[int]) -> list[int]:
        """Neck and head: what leads on, without what sits on the head (its end bone, a jaw, hair)."""
        if not way:
            return []
        chest_to_top = self.highest[way[0]] - self.bones[way[0]].head[2]
        keep = [i for i in way if self.highest[way[0]] - self.bones[i].head[2] > 0.25 * chest_to_top]
        return keep or way[:1]

    def _chain(self, i: int) -> list[int]:
        chain = [i]
        while self.children[chain[-1]]:
            chain.append(
                max(
                    self.children[chain[-1]],
                    key=lambda c: self.size[c] + np.linalg.norm(self.bones[c].head - self.bones[chain[-1]].head),
                )
            )
        return chain

    def _leg(self, start: int) -> list[int]:
        """Thigh, shin, foot and toes: the knee is the joint near half of the way from hip to ankle."""
        chain = self._chain(start)
        heads = np.array([self.bones[i].head for i in chain])
        directions = [
            normalised((heads[k + 1] if k + 1 < len(chain) else self.bones[i].tail) - heads[k])
            for k, i in enumerate(chain)
        ]
        bottom = self.lowest[start]
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

    def _arm(self, side: str, start: int) -> dict[str, tuple[str, ...]]:
        """Clavicle, upper arm, forearm, hand and fingers."""
        way, hand = [start], None
        while True:
            following = [c for c in self.children[way[-1]] if self.size[c] > 0.01 * self.height]
            fingers = [c for c in following if self._reach(c) > 0.02 * self.height]
            if len(fingers) >= 3:
                hand = way[-1]
                break
            if not following:
                break
            way.append(max(following, key=lambda c: self._reach(c)))
        if hand is None:
            way = self._without_tip(way)
            hand = way[-1]
        before = way[: way.index(hand)]
        heads = np.array([self.bones[i].head for i in (*before, hand)])
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
                names[f"{side}_collar"] = self._names(before[:1])
            names[f"{side}_shoulder"] = self._names([before[upper]])
            names[f"{side}_elbow"] = self._names([before[elbow]])
        elif before:
            names[f"{side}_shoulder"] = self._names(before)
        names[f"{side}_wrist"] = self._names([hand])
        return names | self._fingers(side, hand)

    def _reach(self, i: int) -> float:
        return float(self.size[i] + np.linalg.norm(self.bones[i].head - self.bones[self.bones[i].parent].head))

    def _without_tip(self, way: list[int]) -> list[int]:
        """An arm without fingers: a very short last bone is an end marker."""
        while len(way) > 3 and self.size[way[-1]] < 0.02 * self.height:
            way = way[:-1]
        return way

    def _fingers(self, side: str, hand: int) -> dict[str, tuple[str, ...]]:
        chains = [self._chain(c) for c in self.children[hand]]
        chains = [chain for chain in chains if len(chain) >= 2]
        if len(chains) not in (4, 5):
            return {}
        bases = np.array([self.bones[chain[0]].head for chain in chains])
        tips = np.array([self.bones[chain[-1]].tail for chain in chains])
        wrist = self.bones[hand].head
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
                if len(chain) > 4 or (len(chain) == 4 and finger != "thumb" and self._has_palm_bone(chain))
                else chain
            )
            for n, i in enumerate(chain[:3], start=1):
                names[f"{side}_{finger}{n}"] = self._names([i])
        return names

    def _has_palm_bone(self, chain: list[int]) -> bool:
        """Whether the first bone of a finger lies in the palm: it is then longer than the next."""
        a, b, c = (self.bones[i].head for i in chain[:3])
        return bool(np.linalg.norm(b - a) > 1.15 * np.linalg.norm(c - b))

    def _sided(self, pair: list[int]) -> list[tuple[str, int]]:
        """Left and right of two chains: the body faces -y, where its left is at +x, unless its feet point elsewhere."""
        if len(pair) != 2:
            return []
        left = self._left()
        ends = [self.bones[self._chain(i)[-1]].tail @ left for i in pair]
        first, second = pair if ends[0] > ends[1] else pair[::-1]
        return [("left", first), ("right", second)]

    def _left(self) -> Array:
        _, legs = self._hips()
        toes = np.zeros(3)
        for leg in legs:
            found = self._leg(leg)
            foot = self.bones[found[min(2, len(found) - 1)]]
            end = self.bones[found[3]].head if len(found) > 3 else foot.tail
            toes += normalised(end - foot.head)
        toes[2] = 0.0
        forward = normalised(toes) if np.linalg.norm(toes) > 0.4 else np.array([0.0, -1.0, 0.0])
        return np.cross([0.0, 0.0, 1.0], forward)

    def _root(self, hips: int) -> str | None:
        """A bone above the hips that stands on the ground."""
        way = self._way_up(hips)[1:]
        low = [i for i in way if self.bones[i].head[2] < min(self.lowest) + 0.1 * self.height]
        return self.bones[low[-1]].name if low else None
