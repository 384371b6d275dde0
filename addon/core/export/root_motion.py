"""What the root bone of a file carries: place and heading on the floor, or nothing. Blender's axes, z up."""

from dataclasses import replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..axes import WORLD_TO_BLENDER
from ..quaternions import from_matrices
from ..root_split import heading_of
from .skeleton import Skeleton, hips_bone, root_bone

Array = NDArray[np.float64]

ROOT_LENGTH: Final = 0.1
"""Share of the skeleton's height that an added root bone is long."""
_STILL_M: Final = 1e-3
_STILL_RAD: Final = 1e-3


class RootMode(StrEnum):
    """What the root bone carries."""

    AS_ANIMATED = "as animated"
    ROOT_MOTION = "root motion"
    IN_PLACE = "in place"


def with_floor_root(
    skeleton: Skeleton, poses: list[Array], name: str, axes: Array, *, turn_root: bool
) -> tuple[Skeleton, list[Array]]:
    """Exactly one root bone on the floor: the one there is, or a new one; whatever has no parent hangs on it.

    Args:
        skeleton: B bones, upright.
        poses: of each clip, matrices `[T,B,4,4]` in the world.
        name: of a new root bone; made unique.
        axes: `[3,3]`, a new root bone's own at rest: those of the file, so that engines find it unturned.
        turn_root: give them also to the root bone there is. No engine knows it yet when it is ours, but the one of a
            rig from elsewhere must stay as its skeleton has it.

    Returns:
        Skeleton and poses; a new root is bone 0 and stands still at the origin.
    """
    root = root_bone(skeleton)
    own = np.eye(4)
    own[:3, :3] = axes
    if root is None:
        while name in skeleton.names:
            name += "_root"
        skeleton = Skeleton(
            (name, *skeleton.names),
            (-1, *(parent + 1 if parent >= 0 else 0 for parent in skeleton.parents)),
            np.concatenate([own[None], skeleton.rest]),
            np.concatenate([[ROOT_LENGTH * skeleton.height], skeleton.lengths]),
        )
        return skeleton, [_with_bone(clip, own) for clip in poses]
    if turn_root:
        change = skeleton.rest[root, :3, :3].T @ axes
        rest, poses = skeleton.rest.copy(), [clip.copy() for clip in poses]
        for matrices in (rest[None], *poses):
            matrices[:, root, :3, :3] = matrices[:, root, :3, :3] @ change
        skeleton = replace(skeleton, rest=rest)
    if skeleton.tops != [root]:
        order = [root, *(bone for bone in range(len(skeleton.names)) if bone != root)]
        index = {bone: i for i, bone in enumerate(order)}
        parents = [index[skeleton.parents[b]] if skeleton.parents[b] >= 0 else 0 for b in order]
        skeleton = Skeleton(
            tuple(skeleton.names[b] for b in order), (-1, *parents[1:]), skeleton.rest[order], skeleton.lengths[order]
        )
        poses = [clip[:, order] for clip in poses]
    return skeleton, poses


def with_hips_on_top(skeleton: Skeleton, poses: list[Array]) -> tuple[Skeleton, list[Array]]:
    """No bone above the hips, and nothing beside them: for formats whose first joint is the hips.

    Arguments and result as for `with_floor_root`.
    """
    hips = hips_bone(skeleton)
    above = skeleton.line(hips)[1:]
    kept, order = skeleton.keep([bone for bone in range(len(skeleton.names)) if bone not in above])
    top = kept.names.index(skeleton.names[hips])
    parents = [top if parent < 0 and bone != top else parent for bone, parent in enumerate(kept.parents)]
    kept, again = replace(kept, parents=tuple(parents)).keep(range(len(order)))
    return kept, [clip[:, order][:, again] for clip in poses]


def at_origin(skeleton: Skeleton) -> Skeleton:
    """The same skeleton, its first bone at the origin at rest.

    Readers of BVH files do not agree on whether the first joint's offset comes on top of its positions.
    """
    rest = skeleton.rest.copy()
    rest[:, :3, 3] -= rest[0, :3, 3]
    return replace(skeleton, rest=rest)


def _with_bone(poses: Array, pose: Array) -> Array:
    return np.concatenate([np.broadcast_to(pose, (len(poses), 1, 4, 4)), poses], axis=1)


def floor_motion(skeleton: Skeleton, poses: Array, bone: int, times: ArrayLike) -> Array:
    """Matrices `[T,4,4]`: how a bone's place on the floor and its heading have moved since rest.

    Args:
        skeleton: at rest, upright.
        poses: `[T,B,4,4]` in the world.
        bone: the one that is followed.
        times: `[T]`, seconds. The heading is held while the bone is tipped over, see `core.root_split`.
    """
    turns = poses[:, bone, :3, :3] @ skeleton.rest[bone, :3, :3].T
    ours = WORLD_TO_BLENDER.T @ turns @ WORLD_TO_BLENDER
    heading = heading_of(_rotation_vectors(from_matrices(ours)), times)
    moved = np.tile(np.eye(4), (len(poses), 1, 1))
    cos, sin = np.cos(heading), np.sin(heading)
    moved[:, 0, 0], moved[:, 0, 1], moved[:, 1, 0], moved[:, 1, 1] = cos, -sin, sin, cos
    at_rest = moved[:, :2, :2] @ skeleton.rest[bone, :2, 3]
    moved[:, :2, 3] = poses[:, bone, :2, 3] - at_rest
    return moved


def _rotation_vectors(quaternions: Array) -> Array:
    half = np.linalg.norm(quaternions[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(half, quaternions[..., :1])
    return quaternions[..., 1:] * (angle / np.maximum(half, 1e-12))


def placed(
    skeleton: Skeleton, poses: Array, times: ArrayLike, mode: RootMode, *, start_at_origin: bool = False
) -> Array:
    """Poses `[T,B,4,4]` whose root bone carries what `mode` says.

    Root motion: a root bone that moves is left as it is; to one that stands still while the hips travel, the hips'
    place on the floor and their heading are given, and every other bone stays where it is. In place: what the root
    bone carries of the two (or, where it stands still, the hips) is taken away from all bones.

    Args:
        skeleton: with or without a root bone, upright.
        poses: `[T,B,4,4]` in the world, metres.
        times: `[T]`, seconds.
        mode: what is asked for.
        start_at_origin: bring the first frame to the origin, facing forward.
    """
    root = root_bone(skeleton)
    poses = poses.copy()
    hips = floor_motion(skeleton, poses, hips_bone(skeleton), times)
    carried = hips if root is None else floor_motion(skeleton, poses, root, times)
    if root is not None and mode is not RootMode.AS_ANIMATED and _stands_still(poses[:, root]):
        carried = hips
        if mode is RootMode.ROOT_MOTION:
            poses[:, root] = carried @ skeleton.rest[root]
        else:
            poses[:, root] = skeleton.rest[root]
            others = [bone for bone in range(len(skeleton.names)) if bone != root]
            poses[:, others] = np.linalg.inv(carried)[:, None] @ poses[:, others]
            return poses
    if mode is RootMode.IN_PLACE:
        return np.linalg.inv(carried)[:, None] @ poses
    if start_at_origin:
        return np.linalg.inv(carried[0]) @ poses
    return poses


def _stands_still(pose: Array) -> bool:
    moved = np.abs(pose[:, :3, 3] - pose[:1, :3, 3]).max()
    turned = np.abs(pose[:, :3, :3] - pose[:1, :3, :3]).max()
    return bool(moved < _STILL_M and turned < _STILL_RAD)
