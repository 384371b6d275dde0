"""Which bones go into a file, under which parents, and how they stand at rest: arrays, no Blender.

A rig holds controls and helpers beside the bones that carry skin. A file for another program gets one tree of the
bones that matter, upright and facing forward, whatever axes the rig was made in.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_SIDES: Final = (
    (re.compile("Left"), "Right"),
    (re.compile("left"), "right"),
    (re.compile(r"(?<![A-Za-z])L(?![A-Za-z])"), "R"),
    (re.compile(r"(?<![A-Za-z])l(?![A-Za-z])"), "r"),
    (re.compile(r"^l(?=[A-Z])"), "r"),
)
"""How rigs call left and right."""

_AT_FLOOR: Final = 0.05
"""A root bone stands this close to the floor, as a share of the skeleton's height."""
_SAME_PLACE: Final = 1e-4


@dataclass(frozen=True)
class Skeleton:
    """A tree of bones.

    Attributes:
        names: of the B bones; parents come before their children.
        parents: index of each bone's parent, -1 for none.
        rest: `[B,4,4]`, places at rest; the second column of each points along the bone.
        lengths: `[B]`, in the same unit as `rest`.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: Array
    lengths: Array

    @property
    def tops(self) -> list[int]:
        """Bones without a parent."""
        return [bone for bone, parent in enumerate(self.parents) if parent < 0]

    @property
    def heads(self) -> Array:
        """`[B,3]`, where the bones begin."""
        return self.rest[:, :3, 3]

    @property
    def tails(self) -> Array:
        """`[B,3]`, where they end."""
        return self.heads + self.rest[:, :3, 1] * self.lengths[:, None]

    def line(self, bone: int) -> list[int]:
        """A bone and its ancestors, up to the top."""
        found = [bone]
        while self.parents[found[-1]] >= 0:
            found.append(self.parents[found[-1]])
        return found

    def keep(self, bones: Sequence[int]) -> tuple["Skeleton", list[int]]:
        """The tree of some bones only, and which bones these are, parents first.

        A bone hangs on its nearest ancestor that stays; where one is dropped that a kept bone lies upon (the
        deform bone of a control), on that one.
        """
        wanted = set(bones)
        twin = {drop: self._twin(drop, wanted) for drop in range(len(self.names)) if drop not in wanted}
        parents = {}
        for bone in wanted:
            parents[bone] = -1
            for ancestor in self.line(bone)[1:]:
                found = ancestor if ancestor in wanted else twin[ancestor]
                if found >= 0 and found != bone and bone not in self._chain(found, parents):
                    parents[bone] = found
                    break
        order: list[int] = []
        while len(order) < len(wanted):
            order += [b for b in sorted(wanted) if b not in order and (parents[b] < 0 or parents[b] in order)]
        index = {bone: i for i, bone in enumerate(order)}
        kept = Skeleton(
            tuple(self.names[b] for b in order),
            tuple(index.get(parents[b], -1) for b in order),
            self.rest[order],
            self.lengths[order],
        )
        return kept, order

    def _twin(self, bone: int, wanted: set[int]) -> int:
        """The wanted bone that lies exactly upon another one, -1 for none."""
        candidates = sorted(wanted)
        if not candidates:
            return -1
        ends = np.concatenate([self.heads, self.tails], axis=-1)
        apart = np.abs(ends[candidates] - ends[bone]).max(axis=-1)
        best = int(apart.argmin())
        return candidates[best] if apart[best] < _SAME_PLACE * max(self.height, 1e-9) else -1

    @staticmethod
    def _chain(bone: int, parents: dict[int, int]) -> list[int]:
        found = [bone]
        while parents.get(found[-1], -1) >= 0:
            found.append(parents[found[-1]])
        return found

    @property
    def height(self) -> float:
        """Extent of the bones along z."""
        ends = np.concatenate([self.heads, self.tails])
        return float(np.ptp(ends[:, 2]))

    def turned(self, turn: ArrayLike, scale: float) -> "Skeleton":
        """The same, turned by `turn` `[3,3]` about the origin and scaled."""
        turn = np.asarray(turn, dtype=np.float64)
        rest = self.rest.copy()
        rest[:, :3, :3] = turn @ rest[:, :3, :3]
        rest[:, :3, 3] = scale * rest[:, :3, 3] @ turn.T
        return replace(self, rest=rest, lengths=self.lengths * scale)


def chosen_bones(skeleton: Skeleton, deform: Sequence[bool]) -> list[int]:
    """The bones that carry skin, and the root bone that they hang on when it stands on the floor.

    Args:
        skeleton: all bones, upright.
        deform: of each, whether it carries skin. When none does, all are taken.
    """
    bones = [bone for bone, carries in enumerate(deform) if carries]
    if not bones:
        return list(range(len(skeleton.names)))
    roots = {skeleton.line(bone)[-1] for bone in bones}
    floor = _AT_FLOOR * skeleton.height
    return sorted({*bones, *(root for root in roots if abs(skeleton.heads[root, 2]) <= floor)})


def root_bone(skeleton: Skeleton) -> int | None:
    """The bone on the floor that most of the others hang on; None when the skeleton begins at the hips."""
    floor = _AT_FLOOR * skeleton.height
    counts = np.bincount([skeleton.line(bone)[-1] for bone in range(len(skeleton.names))])
    root = int(counts.argmax())
    stands = np.linalg.norm(skeleton.heads[root]) <= floor
    return root if stands and root != hips_bone(skeleton) else None


def hips_bone(skeleton: Skeleton) -> int:
    """The bone that legs and trunk hang on: by its name, otherwise where the lines of feet and head meet."""
    named = [bone for bone, name in enumerate(skeleton.names) if _is_hips(name)]
    if named:
        return min(named, key=lambda bone: (len(skeleton.line(bone)), bone))
    tails = skeleton.tails
    leaves = sorted(set(range(len(skeleton.names))) - set(skeleton.parents))
    low = [bone for bone in leaves if tails[bone, 2] <= tails[leaves, 2].min() + _AT_FLOOR * skeleton.height]
    sides = tails[low, 0]
    ends = {low[int(sides.argmin())], low[int(sides.argmax())], leaves[int(tails[leaves, 2].argmax())]}
    lines = [skeleton.line(bone) for bone in ends]
    return next((bone for bone in lines[0] if all(bone in line for line in lines)), lines[0][-1])


def _is_hips(name: str) -> bool:
    plain = re.sub("[^a-z0-9]", "", name.rpartition(":")[2].removeprefix("CC_Base_").lower())
    return plain in ("hip", "lowertorso") or plain.endswith(("hips", "pelvis"))


def upright_turn(skeleton: Skeleton, placed: ArrayLike) -> Array:
    """The rotation `[3,3]`, by right angles, that lets a rig stand upright (z up) and face forward (-y) at rest.

    Up is the rig's axis that the object `placed` (rotation `[3,3]`) brings nearest to the world's up; forward is
    told by which bones are called left and right. Both are what the rig was made in, not how it is posed.
    """
    up = np.asarray(placed, dtype=np.float64).T @ np.array([0.0, 0.0, 1.0])
    axis = int(np.abs(up).argmax())
    z = np.zeros(3)
    z[axis] = np.sign(up[axis])
    # the way that keeps x, where it can: a rig with y up faces z, which becomes -y
    x = np.array([1.0, 0.0, 0.0]) if axis != 0 else np.array([0.0, 1.0, 0.0])
    tilt = np.stack([x, np.cross(z, x), z])
    lateral = (tilt @ _to_left(skeleton))[:2]
    if np.linalg.norm(lateral) < _SAME_PLACE * max(skeleton.height, 1e-9):
        return tilt
    side = int(np.abs(lateral).argmax())
    left = np.zeros(2)
    left[side] = np.sign(lateral[side])
    turn = np.array([[left[0], left[1], 0.0], [-left[1], left[0], 0.0], [0.0, 0.0, 1.0]])
    return turn @ tilt


def _to_left(skeleton: Skeleton) -> Array:
    """Mean vector `[3]` from a bone's head on the right to that of its partner on the left; zero without pairs."""
    index = {name: i for i, name in enumerate(skeleton.names)}
    vectors = []
    for name, bone in index.items():
        for pattern, other in _SIDES:
            partner = index.get(pattern.sub(other, name))
            if partner is not None and partner != bone:
                vectors.append(skeleton.heads[bone] - skeleton.heads[partner])
                break
    return np.mean(vectors, axis=0) if vectors else np.zeros(3)


def clashing_names(names: Sequence[str]) -> list[str]:
    """Names that are one for programs which ignore case or write dots as underscores."""
    seen: dict[str, str] = {}
    clashes = []
    for name in names:
        plain = re.sub(r"[.\s]", "_", name).lower()
        if plain in seen:
            clashes += [seen[plain], name]
        seen.setdefault(plain, name)
    return clashes


def rigid(poses: ArrayLike) -> Array:
    """Pose matrices `[...,4,4]` without scale and shear: the bone's own direction (y) is kept, x next best."""
    poses = np.array(poses, dtype=np.float64)
    x, y = poses[..., :3, 0], poses[..., :3, 1]
    y = y / np.linalg.norm(y, axis=-1, keepdims=True)
    x = x - y * (x * y).sum(axis=-1, keepdims=True)
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    poses[..., :3, :3] = np.stack([x, y, np.cross(x, y)], axis=-1)
    return poses
