"""Pose matrices as Blender evaluated them -> each bone's own channels, for a copy of the armature."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .quaternions import from_matrices, make_continuous

Array = NDArray[np.float64]


def local_channels(rest: ArrayLike, pose: ArrayLike, parents: Sequence[int]) -> tuple[Array, Array]:
    """Location and rotation of each bone relative to its rest place under its parent; scale is dropped.

    Blender composes P = P_parent M_parent^-1 M B for a pose matrix P, rest matrix M and channels B.

    Args:
        rest: `[B,4,4]`, rest matrices in the armature's space.
        pose: `[T,B,4,4]`, pose matrices in the armature's space.
        parents: of each bone, -1 for none; parents come first.

    Returns:
        Locations `[T,B,3]` in the bone's rest axes, and sign-continuous quaternions `[T,B,4]`.
    """
    rest = np.asarray(rest, dtype=np.float64)
    pose = np.asarray(pose, dtype=np.float64)
    local = np.empty_like(pose)
    for bone, parent in enumerate(parents):
        under = rest[bone] if parent < 0 else pose[:, parent] @ (np.linalg.inv(rest[parent]) @ rest[bone])
        local[:, bone] = np.linalg.inv(under) @ pose[:, bone]
    turns = local[..., :3, :3]
    turns = turns / np.linalg.norm(turns, axis=-2, keepdims=True)
    return local[..., :3, 3], make_continuous(from_matrices(turns))
