"""The network's view of a window: upright, first frame at the origin and facing +z, numbers about one."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from .config import JOINTS

PATH_MEAN: Final = (0.0, 0.9, 0.0)
PATH_STD: Final = (1.2, 0.2, 1.2)
"""Metres: mean and spread of the pelvis over windows, used where weights bring no others."""
JOINT_SCALE: Final = 0.4
HAND_M: Final = 0.08
"""A hand lies this far beyond the wrist, along the forearm."""
_HIPS, _SHOULDERS, _ELBOWS, _WRISTS = (1, 2), (16, 17), (18, 19), (20, 21)


@dataclass(frozen=True)
class Window:
    """Canonical windows, B of N frames.

    Attributes:
        path: `[B,N,3]`, pelvis, metres: x and z from the first frame's place, y over the floor.
        joints: `[B,N,24,3]`, metres, minus the pelvis.
        yaw: `[B]`, radians: world = turn(yaw) canonical, about y.
        origin: `[B,3]`, metres, world place of the first frame's pelvis on the floor (y = 0).
    """

    path: Tensor
    joints: Tensor
    yaw: Tensor
    origin: Tensor


def about_y(yaw: Tensor) -> Tensor:
    """Rotations `[...,3,3]` about y by angles `[...]`."""
    c, s, zero, one = yaw.cos(), yaw.sin(), torch.zeros_like(yaw), torch.ones_like(yaw)
    return torch.stack([c, zero, s, zero, one, zero, -s, zero, c], dim=-1).unflatten(-1, (3, 3))


def with_hands(joints: Tensor) -> Tensor:
    """Body joints `[...,22,3]` and the two hands: `[...,24,3]`."""
    elbow, wrist = joints[..., list(_ELBOWS), :], joints[..., list(_WRISTS), :]
    along = torch.nn.functional.normalize(wrist - elbow, dim=-1, eps=1e-6)
    return torch.cat([joints, wrist + HAND_M * along], dim=-2)


def facing(joints: Tensor) -> Tensor:
    """Heading `[...]` in radians about y (0 = +z) of joints `[...,J,3]`: up x (across the hips + across the shoulders).

    Left is +x of a body that faces +z, so the line goes from the right side to the left one.
    """
    across = joints[..., _HIPS[0], :] - joints[..., _HIPS[1], :]
    across = across + joints[..., _SHOULDERS[0], :] - joints[..., _SHOULDERS[1], :]
    # Left x up = forward, in a right-handed frame with y up.
    return torch.atan2(-across[..., 2], across[..., 0])


def canonicalise(joints: Tensor) -> Window:
    """Move windows into their own frames.

    Args:
        joints: `[B,N,24,3]`, world, metres, y up, floor at y = 0; joint 0 is the pelvis.
    """
    pelvis = joints[..., 0, :]
    yaw = facing(joints[:, 0])
    origin = pelvis[:, 0] * pelvis.new_tensor([1.0, 0.0, 1.0])
    back = about_y(-yaw)
    path = (pelvis - origin[:, None]) @ back.mT
    local = (joints - pelvis[..., None, :]) @ back[:, None].mT
    return Window(path, local, yaw, origin)


def to_world(path: Tensor, window: Window) -> Tensor:
    """Canonical paths `[B,N,3]` in the world."""
    return path @ about_y(window.yaw).mT + window.origin[:, None]


@dataclass(frozen=True)
class Scale:
    """What normalises paths and joints.

    Attributes:
        mean, std: of the canonical path, metres, per axis.
        joints: metres.
    """

    mean: tuple[float, float, float] = PATH_MEAN
    std: tuple[float, float, float] = PATH_STD
    joints: float = JOINT_SCALE

    def path(self, path: Tensor) -> Tensor:
        """Normalise `[...,3]`; nothing is clipped."""
        return (path - path.new_tensor(self.mean)) / path.new_tensor(self.std)

    def metres(self, path: Tensor) -> Tensor:
        """Inverse of `path`."""
        return path * path.new_tensor(self.std) + path.new_tensor(self.mean)


def make_condition(joints: Tensor, scale: Scale) -> Tensor:
    """What the network is told of the body: canonical joints `[B,N,24,3]` minus the pelvis, normalised.

    Raises:
        ValueError: there are not 24 joints.
    """
    if joints.shape[-2:] != (JOINTS, 3):
        raise ValueError(f"The condition has {JOINTS} joints.")
    return joints / scale.joints
