"""Proxy images: what is known about a person, drawn small, in place of the picture. A network that reads these can be
trained on synthetic bodies and never sees pixels (after Sengupta et al., STRAPS, BMVC 2020).

Channels: a map for each landmark that is used, as high as the landmark is visible; the same maps times the landmark's
depth about the hips; the silhouette. Training and recovery share this code.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...geometry.blazepose import INDEX, LANDMARKS
from ...records.people import MASK_WH
from .splat import silhouettes
from .surface_cloud import SurfaceCloud

PROXY_HW: Final = MASK_WH[::-1]
USED: Final[tuple[int, ...]] = tuple(
    i for i, name in enumerate(LANDMARKS) if not any(word in name for word in ("inner", "outer", "mouth"))
)
"""Landmarks that are drawn: nose, eyes, ears and everything below."""
PROXY_CHANNELS: Final = 2 * len(USED) + 1
_SIGMA: Final = 1.2
"""Width of a landmark's map in pixels."""
_DEEPEST: Final = 1.5
_HIPS: Final = (INDEX["left_hip"], INDEX["right_hip"])


def proxy_image(
    keypoints: Tensor,
    visibility: Tensor,
    world: Tensor,
    silhouette: Tensor,
    box: Tensor,
    size: tuple[int, int] = PROXY_HW,
) -> Tensor:
    """Draw proxy images.

    Args:
        keypoints: `[B,33,2]`, BlazePose landmarks, undistorted pixels. What is not finite is left out.
        visibility: `[B,33]`, 0..1.
        world: `[B,33,3]`, world landmarks, metres; only their depth about the hips is used.
        silhouette: `[B,h,w]`, 0..1, of the box's middle columns.
        box: `[B,3]`, square boxes (`camera.square_box`).
        size: height and width.

    Returns:
        `[B,PROXY_CHANNELS,h,w]`.
    """
    height, width = size
    used = list(USED)
    depth = (world[..., 2] - world[:, _HIPS, 2].mean(1, keepdim=True))[:, used]
    place = ((keypoints[:, used] - box[:, None, :2]) / box[:, None, 2:]) * height
    trust = visibility[:, used]
    good = place.isfinite().all(-1) & trust.isfinite() & depth.isfinite()
    place = torch.where(good[..., None], place, 0.0)
    trust = torch.where(good, trust.clamp(0, 1), 0.0)
    depth = torch.where(good, depth.clamp(-_DEEPEST, _DEEPEST), 0.0)
    across = _bump(place[..., 0] + width / 2, width) * trust[..., None]
    down = _bump(place[..., 1] + height / 2, height)
    maps = down[..., :, None] * across[..., None, :]
    return torch.cat((maps, maps * depth[..., None, None], silhouette[:, None]), 1)


def _bump(centre: Tensor, count: int) -> Tensor:
    """Gaussians `[...,count]` about `centre [...]`, sampled at the middles of pixels."""
    pixels = torch.arange(count, dtype=centre.dtype, device=centre.device) + 0.5
    return (-0.5 * ((pixels - centre[..., None]) / _SIGMA).square()).exp()


def render_proxy(
    cloud: SurfaceCloud,
    vertices: Tensor,
    K: Tensor,
    box: Tensor,
    keypoints: Tensor,
    visibility: Tensor,
    world: Tensor,
    size: tuple[int, int] = PROXY_HW,
) -> Tensor:
    """Proxy images of posed bodies `[B,V,3]` (camera frame, metres), with landmarks as a landmarker would give them.

    K: `[B,3,3]`; the rest as for `proxy_image`.
    """
    return proxy_image(keypoints, visibility, world, silhouettes(cloud, vertices, K, box, size), box, size)


def unpack_masks(masks: NDArray[np.uint8]) -> Tensor:
    """Float `[N,64,48]` of a track's packed masks `[N,64,6]`."""
    return torch.from_numpy(np.unpackbits(masks, axis=2)).float()


def masks_in_box(masks: Tensor, corners: Tensor, box: Tensor, size: tuple[int, int] = PROXY_HW) -> Tensor:
    """Person masks, drawn in the person's own box, as silhouettes of the square box.

    Args:
        masks: `[B,64,48]`, each over its own x0 y0 x1 y1.
        corners: `[B,4]`, these.
        box: `[B,3]`, square boxes.
        size: height and width of the result.
    """
    height, width = size
    rows = (torch.arange(height, dtype=box.dtype) + 0.5) / height - 0.5
    columns = (torch.arange(width, dtype=box.dtype) + 0.5 - width / 2) / height
    extent = (corners[:, 2:] - corners[:, :2]).clamp_min(1e-6)
    x = (box[:, 0, None] + box[:, 2, None] * columns.to(box) - corners[:, 0, None]) / extent[:, 0, None]
    y = (box[:, 1, None] + box[:, 2, None] * rows.to(box) - corners[:, 1, None]) / extent[:, 1, None]
    grid = torch.stack((x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)), -1)
    drawn = functional.grid_sample(masks[:, None], 2 * grid - 1, padding_mode="zeros", align_corners=False)
    return drawn[:, 0]
