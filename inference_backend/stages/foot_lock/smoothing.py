"""Smoothing of a whole motion: rotations and root, with true time stamps."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...geometry.banded import smooth
from ...records.motion import WorldMotion


def smooth_rotations(
    rotations: NDArray[np.float64], time_s: NDArray[np.float64], period_s: float
) -> NDArray[np.float64]:
    """Smooth rotations `[N,...,3,3]` as sign-continuous quaternions, normalised afterwards."""
    quaternions = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_quat().reshape(len(rotations), -1, 4)
    flips = np.sign((quaternions[1:] * quaternions[:-1]).sum(-1))
    signs = np.cumprod(np.concatenate([np.ones_like(quaternions[:1, :, 0]), np.where(flips < 0, -1.0, 1.0)]), axis=0)
    smoothed = smooth(time_s, quaternions * signs[..., None], period_s)
    return Rotation.from_quat(smoothed.reshape(-1, 4)).as_matrix().reshape(rotations.shape)


def smooth_motion(
    motion: WorldMotion, time_s: NDArray[np.float64], period_s: float, pelvis: NDArray[np.float64]
) -> WorldMotion:
    """Smooth a motion (`geometry.banded.smooth`).

    Args:
        motion: N frames.
        time_s: `[N]`.
        period_s: oscillations of this period are halved; 0 or fewer than 3 frames return the motion as it is.
        pelvis: `[3]`, rest pelvis: the path that is smoothed is the pelvis' own.
    """
    if period_s <= 0 or len(time_s) < 3:
        return motion
    return dataclasses.replace(
        motion,
        global_orient=smooth_rotations(motion.global_orient, time_s, period_s),
        body_pose=smooth_rotations(motion.body_pose, time_s, period_s),
        transl=smooth(time_s, motion.transl + pelvis, period_s) - pelvis,
    )
