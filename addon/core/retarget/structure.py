"""Finding a body in a skeleton whose names tell nothing: hips with two legs and a trunk, by places alone.

The hips are the bone from which two long chains lead down on either side and one leads up; the chest is the bone on
that one from which two arms lead sideways.
"""

from collections.abc import Sequence

import numpy as np

from ....inference_backend.protocol.errors import ErrorCode, RecoverError
from .bone_map import BoneMap
from .bone_tree import Array, Bone, BoneTree
from .limb_bones import arm_bones, leg_bones
from .preset import NECK, SPINE
from .rotations import normalised


def find_body(bones: Sequence[Bone], rig_name: str) -> BoneMap:
    """A map found by structure.

    Args:
        bones: of a rig, in rest pose, upright in the world; parents before children.
        rig_name: for messages.

    Raises:
        RecoverError: `BAD_INPUT`, no body with a trunk and two legs or two arms can be made out, or more than one way.
    """
    return _Finder(bones, rig_name).find()


class _Finder(BoneTree):
    def __init__(self, bones: Sequence[Bone], rig_name: str) -> None:
        super().__init__(bones)
        self.rig_name = rig_name

    def bad(self, what: str) -> RecoverError:
        return RecoverError(
            ErrorCode.BAD_INPUT,
            f"No body was recognised in {self.rig_name!r}: {what}.",
            "Choose a preset, or set the bones in the list by hand.",
        )

    def find(self) -> BoneMap:
        if not self.bones:
            raise self.bad("it has no bones")
        hips, legs = self._hips()
        trunk = self._trunk(hips, legs)
        chest, arms, necks = self._chest(trunk)
        bones: dict[str, tuple[str, ...]] = {"pelvis": (self.bones[hips].name,)}
        spine = [i for i in trunk[: trunk.index(chest) + 1] if i != hips] if chest is not None else trunk
        if spine:
            bones[SPINE] = self.names(spine)
        if necks:
            if len(necks) > 1:
                bones[NECK] = self.names(necks[:-1])
            bones["head"] = self.names(necks[-1:])
        for side, leg in self._sided(legs):
            for part, i in zip(("hip", "knee", "ankle", "foot"), leg_bones(self, leg), strict=False):
                bones[f"{side}_{part}"] = self.names([i])
        for side, arm in self._sided(arms):
            bones |= arm_bones(self, side, arm)
        root = self._root(hips)
        return BoneMap("", bones, root_bone=root, root_mode="root_bone" if root else "hips")

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
        hips, legs = max(found, key=lambda entry: len(self.way_up(entry[0])))
        if len(legs) > 2:
            raise self.bad(f"{len(legs)} legs hang from {self.bones[hips].name!r}")
        return hips, legs

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
        tip = self.chain(i)[-1]
        start = self.bones[i].head
        return float(np.linalg.norm((self.bones[tip].tail - start)[:2])) > 0.1 * self.height

    def _head(self, way: list[int]) -> list[int]:
        """Neck and head: what leads on, without what sits on the head (its end bone, a jaw, hair)."""
        if not way:
            return []
        chest_to_top = self.highest[way[0]] - self.bones[way[0]].head[2]
        keep = [i for i in way if self.highest[way[0]] - self.bones[i].head[2] > 0.25 * chest_to_top]
        return keep or way[:1]

    def _sided(self, pair: list[int]) -> list[tuple[str, int]]:
        """Left and right of two chains: the body faces -y, where its left is at +x, unless its feet point elsewhere."""
        if len(pair) != 2:
            return []
        left = self._left()
        ends = [self.bones[self.chain(i)[-1]].tail @ left for i in pair]
        first, second = pair if ends[0] > ends[1] else pair[::-1]
        return [("left", first), ("right", second)]

    def _left(self) -> Array:
        _, legs = self._hips()
        toes = np.zeros(3)
        for leg in legs:
            found = leg_bones(self, leg)
            foot = self.bones[found[min(2, len(found) - 1)]]
            end = self.bones[found[3]].head if len(found) > 3 else foot.tail
            toes += normalised(end - foot.head)
        toes[2] = 0.0
        forward = normalised(toes) if np.linalg.norm(toes) > 0.4 else np.array([0.0, -1.0, 0.0])
        return np.cross([0.0, 0.0, 1.0], forward)

    def _root(self, hips: int) -> str | None:
        """A bone above the hips that stands on the ground."""
        way = self.way_up(hips)[1:]
        low = [i for i in way if self.bones[i].head[2] < min(self.lowest) + 0.1 * self.height]
        return self.bones[low[-1]].name if low else None
