"""Which foot joints stand, told from their motion alone; for training and for the fallback prior."""

from typing import Final

import torch
from torch import Tensor

FOOT_JOINTS: Final = (7, 8, 10, 11)
"""Left and right ankle, left and right ball of the foot."""
RISE_MPS, SPEED_MPS = 0.15, 0.25
HEIGHT_M: Final = (0.10, 0.10, 0.05, 0.05)
"""A foot joint stands while it rises or sinks slower, moves slower, and is lower over the clip's floor than these."""


def foot_contacts(joints: Tensor, fps: float, floor: Tensor | None = None) -> Tensor:
    """Contacts bool `[B,N,4]` of `FOOT_JOINTS`.

    Args:
        joints: `[B,N,J,3]`, world, metres, y up.
        fps: frames a second.
        floor: `[B,4]`, height of each foot joint when its foot stands flat; None: the lowest 5 % of each in the window.
    """
    feet = joints[..., list(FOOT_JOINTS), :]
    if feet.shape[1] < 2:
        return torch.zeros(feet.shape[:3], dtype=torch.bool, device=feet.device)
    velocity = torch.empty_like(feet)
    velocity[:, 1:-1] = (feet[:, 2:] - feet[:, :-2]) * (0.5 * fps)
    velocity[:, 0] = (feet[:, 1] - feet[:, 0]) * fps
    velocity[:, -1] = (feet[:, -1] - feet[:, -2]) * fps
    if floor is None:
        # Ankles ride higher than balls, so each joint has its own lowest height.
        floor = torch.quantile(feet[..., 1].float(), 0.05, dim=1).to(feet.dtype)
    height = feet[..., 1] - floor[:, None]
    stands = (velocity[..., 1].abs() < RISE_MPS) & (velocity[..., [0, 2]].norm(dim=-1) < SPEED_MPS)
    stands &= height < feet.new_tensor(HEIGHT_M)
    # Median of three frames, the ends repeated.
    padded = torch.cat([stands[:, :1], stands, stands[:, -1:]], dim=1).to(torch.int8)
    return padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:] >= 2
