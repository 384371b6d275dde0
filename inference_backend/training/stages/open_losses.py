"""What the open network's losses weigh, where that differs from the paper.

How far away somebody is follows from their size, which landmarks do not tell, so errors of depth are large and cannot
be learned away; in the paper's weights they would drown the pose. They weigh less here, and the pose about the pelvis,
as the camera sees it, gets a term of its own.
"""

from typing import Final

import torch
from torch import Tensor

from ...models.moro.motion.trajectory import place
from ...models.moro.training.losses import point_distance

OPEN_WEIGHTS: Final = {
    "j3d_about": 10.0,
    "rot": 2.0,
    "rot_coarse": 2.0,
    "j3d_pos": 0.3,
    "j3d_pos_coarse": 0.3,
    "transl": 0.3,
    "transl_coarse": 0.3,
}


def about_pelvis(mesh: Tensor, rotation: Tensor, joints: Tensor, regressor: Tensor) -> Tensor:
    """Mean distance of joints about the pelvis, turned as predicted, metres.

    Args:
        mesh: `[B,T,V,3]`, predicted, local.
        rotation: `[B,T,3,3]`, predicted.
        joints: `[B,T,22,3]`, true, placed.
        regressor: `[22,V]`.
    """
    found = regressor @ place(mesh, rotation, torch.zeros_like(joints[..., :1, :]))
    return point_distance(found - found[..., :1, :], joints - joints[..., :1, :])
