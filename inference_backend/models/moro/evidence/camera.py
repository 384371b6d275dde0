"""Box feature and the conversion of a weak camera to a full one (CLIFF; Li et al., ECCV 2022)."""

import torch
from torch import Tensor

from ....geometry.rot6d import matrix_from_rot6d_rows

_EPS = 1e-9


def box_feature(center: Tensor, scale: Tensor, K: Tensor, focal: Tensor | None = None) -> Tensor:
    """Where the person's square box is, in units of the focal length.

    Args:
        center: `[...,2]`, box centre in pixels.
        scale: `[...]`, box side in pixels divided by 200.
        K: `[...,3,3]` or `[3,3]`, intrinsics.
        focal: `[...]`, focal length in pixels; None: K[0,0], as for custom video.

    Returns:
        `[...,3]`: centre minus principal point and side, all divided by the focal length.
    """
    focal = K[..., 0, 0] if focal is None else focal
    offset = center - K[..., :2, 2]
    return torch.cat((offset, 200 * scale[..., None]), -1) / focal[..., None]


def full_camera(weak: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
    """Weak-perspective camera of the crop to the person's placement in the whole image's camera.

    Args:
        weak: `[...,9]`: 6-D rotation (rows), log scale, x and y offset.
        box: `[...,3]`: box feature.

    Returns:
        Rotation `[...,3,3]` body to camera, and pelvis position `[...,1,3]` in metres (x right, y down, z forward).
    """
    side = box[..., 2:3] * weak[..., 6:7].exp() + _EPS
    xy = weak[..., 7:9] + 2 * box[..., :2] / side
    return matrix_from_rot6d_rows(weak[..., :6]), torch.cat((xy, 2 / side), -1)[..., None, :]
