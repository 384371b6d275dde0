"""A rig's bones at rest as a tree, and how far what hangs from each of them goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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


class BoneTree:
    """Bones by index, and measures of what hangs from them.

    Attributes:
        bones: of a rig, in rest pose, upright in the world; parents before children.
        children: indices of each bone's children.
        height: of the rig, metres.
        lowest, highest: z of the lowest and the highest end of each bone and all below it in the tree.
        size: length of the longest way down from each bone's head.
    """

    def __init__(self, bones: Sequence[Bone]) -> None:
        self.bones = bones
        self.children: list[list[int]] = [[] for _ in bones]
        for i, bone in enumerate(bones):
            if bone.parent >= 0:
                self.children[bone.parent].append(i)
        points = np.array([p for bone in bones for p in (bone.head, bone.tail)]).reshape(-1, 3)
        self.height = max(float(np.ptp(points[:, 2])), 1e-9) if len(points) else 0.0
        self.lowest = [self._extreme(i, min) for i in range(len(bones))]
        self.highest = [self._extreme(i, max) for i in range(len(bones))]
        self.size = [self._size(i) for i in range(len(bones))]

    def names(self, indices: Sequence[int]) -> tuple[str, ...]:
        """Names of bones."""
        return tuple(self.bones[i].name for i in indices)

    def way_up(self, i: int) -> list[int]:
        """A bone, its parent, and so on to the root."""
        way = [i]
        while self.bones[way[-1]].parent >= 0:
            way.append(self.bones[way[-1]].parent)
        return way

    def chain(self, i: int) -> list[int]:
        """A bone, and down from it the longest way."""
        chain = [i]
        while self.children[chain[-1]]:
            chain.append(
                max(
                    self.children[chain[-1]],
                    key=lambda c: self.size[c] + np.linalg.norm(self.bones[c].head - self.bones[chain[-1]].head),
                )
            )
        return chain

    def reach(self, i: int) -> float:
        """Length of the longest way down from the head of a bone's parent through it."""
        return float(self.size[i] + np.linalg.norm(self.bones[i].head - self.bones[self.bones[i].parent].head))

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
