"""The posed skeleton as float64 numpy arrays, for stages that work on joints alone."""

import numpy as np
import torch
from numpy.typing import NDArray

from ..body.kinematics import KinematicTree
from ..protocol.skeleton import BODY_PARENTS

_TREE = KinematicTree(BODY_PARENTS)


def pose_joints(
    rest_joints: NDArray[np.floating],
    global_orient: NDArray[np.floating],
    body_pose: NDArray[np.floating],
    transl: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pose the 22 body joints; the pelvis lies at its rest position + transl.

    Args:
        rest_joints: `[22,3]`, metres.
        global_orient: `[N,3,3]`.
        body_pose: `[N,21,3,3]`, local rotations of joints 1..21.
        transl: `[N,3]`, metres.

    Returns:
        joints `[N,22,3]` and global rotations `[N,22,3,3]`, in the frame of `global_orient`.
    """
    local = np.concatenate([np.asarray(global_orient)[:, None], body_pose], axis=1).astype(np.float64)
    rest = torch.from_numpy(np.ascontiguousarray(rest_joints, np.float64))
    with torch.no_grad():
        joints, rotations = _TREE(rest, torch.from_numpy(local))
    return joints.numpy() + np.asarray(transl)[:, None], rotations.numpy()
