"""Rope's cameras: the weak camera of the square box, its lift to the whole image, and what the network is told of the
box (CLIFF; Li et al., ECCV 2022).

A box is `[...,3]`: centre x, y and side in pixels of the undistorted image. The weak camera `(s, tx, ty)` maps a point
X about the pelvis, in camera axes (y down), to `centre + side / 2 * s * (X_xy + (tx, ty))`.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

ASPECT: Final = 0.75
"""Width over height of the part of the square box that is looked at."""
MARGIN: Final = 1.25
"""Landmarks end at the eyes, ankles and knuckles; the body goes on."""
_SMALLEST_SIDE: Final = 1.0
_OFFSET: Final = 2.8
_SCALES: Final = (0.05, 10.0)


def square_box(keypoints: Tensor) -> Tensor:
    """Square boxes `[...,3]` whose middle columns hold a person.

    Args:
        keypoints: `[...,P,2]`, landmarks in undistorted pixels; what is not finite is left out.
    """
    good = keypoints.isfinite().all(-1, keepdim=True)
    low = torch.where(good, keypoints, torch.inf).amin(-2)
    high = torch.where(good, keypoints, -torch.inf).amax(-2)
    there = good.any(-2)
    low, high = torch.where(there, low, 0.0), torch.where(there, high, 0.0)
    extent = high - low
    side = torch.maximum(extent[..., 0] / ASPECT, extent[..., 1]).clamp_min(_SMALLEST_SIDE) * MARGIN
    return torch.cat(((low + high) / 2, side[..., None]), -1)


def box_feature(box: Tensor, K: Tensor) -> Tensor:
    """Where the box is, in CLIFF's scaling, `[...,3]`; K: `[...,3,3]` in pixels."""
    focal = K[..., 0, 0, None]
    offset = _OFFSET * (box[..., :2] - K[..., :2, 2]) / focal
    return torch.cat((offset, (box[..., 2:] - 0.24 * focal) / (0.06 * focal)), -1)


def camera_from_box(feature: Tensor) -> Tensor:
    """Rotation `[B,1,3,3]` to the camera from a camera beside it that looks at the box's middle, not rolled.

    Args:
        feature: `[B,3]` of `box_feature`.
    """
    forward = functional.normalize(functional.pad(feature[:, :2] / _OFFSET, (0, 1), value=1.0), dim=-1)
    down = forward.new_tensor((0.0, 1.0, 0.0)).expand_as(forward)
    right = functional.normalize(torch.linalg.cross(down, forward), dim=-1)
    return torch.stack((right, torch.linalg.cross(forward, right), forward), -1)[:, None]


def lift(camera: Tensor, box: Tensor, K: Tensor) -> Tensor:
    """The pelvis `[...,3]` in the camera's frame, metres, of weak cameras `[...,3]`.

    Scales that are not positive, or beyond all sense, count as 0.05 or 10: the person stays before the camera.
    """
    reach = box[..., 2] * camera[..., 0].clamp(*_SCALES)
    offset = 2 * (box[..., :2] - K[..., :2, 2]) / reach[..., None]
    depth = 2 * K[..., 0, 0] / reach
    return torch.cat((camera[..., 1:] + offset, depth[..., None]), -1)


def weak_camera(pelvis: Tensor, box: Tensor, K: Tensor) -> Tensor:
    """Inverse of `lift`, for points in front of the camera."""
    scale = 2 * K[..., 0, 0] / (box[..., 2] * pelvis[..., 2])
    offset = 2 * (box[..., :2] - K[..., :2, 2]) / (box[..., 2] * scale)[..., None]
    return torch.cat((scale[..., None], pelvis[..., :2] - offset), -1)


def weak_projection(points: Tensor, camera: Tensor, box: Tensor) -> Tensor:
    """Points `[...,J,3]` about the pelvis through the weak camera: pixels `[...,J,2]`."""
    half = (0.5 * box[..., 2] * camera[..., 0])[..., None, None]
    return box[..., None, :2] + half * (points[..., :2] + camera[..., None, 1:])


def depth_sigma(depth: Tensor, reach: int = 15) -> Tensor:
    """Standard deviation `[T]`, metres, of distances `[T]` (metres, 30 frames a second) from how they jump.

    `depth * (spread of log scale over a second + 2 %)`: the weak camera's log scale is minus the log of the distance,
    and its spread is taken by the median absolute deviation, which outliers do not move.
    """
    log = depth.log()
    padded = functional.pad(log[None, None], (reach, reach), mode="replicate")[0, 0]
    windows = padded.unfold(0, 2 * reach + 1, 1)
    away = (windows - windows.median(1, keepdim=True).values).abs()
    return depth * (1.4826 * away.median(1).values + 0.02)
