"""Draws posed bodies at low resolution without a renderer: every point of the skin is a splat in a depth buffer.

Batched, in torch, on CPU or GPU. Points lie about as close as the fine pixels they are drawn in; the holes that remain
are closed by a morphological closing of the depth buffer, which moves no outline (it fills notches of a few pixels).
"""

from typing import Final

import torch
from torch import Tensor

from .parts import PartLevel
from .surface_cloud import SurfaceCloud

BACKGROUND: Final = 0
_LABELS: Final = 32
_STEP_M: Final = 0.002
_EMPTY: Final = 2.0**23
_NEAREST_M: Final = 0.05
FINE_ROWS: Final = 320
"""Rows that are drawn, about: the body fills most of them, so that a pixel is under a centimetre."""
_HOLE: Final = 5


def visible_labels(
    cloud: SurfaceCloud, vertices: Tensor, K: Tensor, box: Tensor, size: tuple[int, int], *smaller: tuple[int, int]
) -> tuple[Tensor, ...]:
    """Which joint's skin is seen in each pixel, at one or several sizes of the picture.

    Args:
        cloud: of the body that the vertices are of.
        vertices: `[B,V,3]`, camera frame, metres.
        K: `[B,3,3]` or `[3,3]`, pixels.
        box: `[B,3]`, square boxes (`camera`), whose middle columns are drawn.
        size: height and width of the picture; the height shows the whole side of the box.
        smaller: further sizes, each a whole fraction of it; they cost nearly nothing.

    Returns:
        uint8 `[B,h,w]` for each size: 0 background, else 1 + joint of the 24.
    """
    return drawn_labels(*cloud(vertices), cloud.labels, K, box, size, *smaller)


def drawn_labels(
    points: Tensor,
    facing: Tensor,
    labels: Tensor,
    K: Tensor,
    box: Tensor,
    size: tuple[int, int],
    *smaller: tuple[int, int],
    rows: int = FINE_ROWS,
) -> tuple[Tensor, ...]:
    """What `visible_labels` draws, of points that are placed already.

    Args:
        points: `[B,P,3]`, camera frame, metres.
        facing: bool `[B,P]`, only these are drawn.
        labels: int64 `[P]`, which of the 24 joints each belongs to.
        K, box, size, smaller: as for `visible_labels`.
        rows: that are drawn, about; fewer are faster and need a cloud whose points lie wider apart in proportion.
    """
    # Pixels are so many times finer while drawing; the middle one of each block is kept.
    finer = 2 * round((rows / size[0] - 1) / 2) + 1 if size[0] < rows else 1
    height, width = size[0] * finer, size[1] * finer
    depth = points[..., 2]
    pixels = (points[..., :2] / depth.clamp_min(_NEAREST_M)[..., None]) @ K[..., :2, :2].mT + K[..., None, :2, 2]
    place = (pixels - box[:, None, :2]) / box[:, None, 2:] * height
    column, row = (place[..., 0] + width / 2).floor(), (place[..., 1] + height / 2).floor()
    inside = facing & (depth > _NEAREST_M) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    index = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
    # Depth, in whole steps behind the nearest point, and label as one number that a float32 holds exactly.
    start = depth.amin(1, keepdim=True)
    steps = ((depth - start) / _STEP_M).clamp(0, _EMPTY / _LABELS - 2).floor()
    key = torch.where(inside, steps * _LABELS + (labels + 1), _EMPTY)
    buffer = key.new_full((len(key), height * width), _EMPTY).scatter_reduce(1, index, key, "amin")
    closed = _close(buffer.unflatten(1, (height, width)))
    seen = torch.where(closed < _EMPTY, closed % _LABELS, BACKGROUND).to(torch.uint8)
    factors = [height // count for count, _ in (size, *smaller)]
    return tuple(seen[:, factor // 2 :: factor, factor // 2 :: factor] for factor in factors)


def _close(keys: Tensor) -> Tensor:
    """Fill holes up to four pixels wide with what surrounds them: nearest of 5 x 5, then farthest of 5 x 5 of these."""
    for extreme in (torch.minimum, torch.maximum):
        for axis in (1, 2):
            kept = keys.clone()
            for step in range(1, _HOLE // 2 + 1):
                count = keys.shape[axis] - step
                for into, of in ((0, step), (step, 0)):
                    part = kept.narrow(axis, into, count)
                    extreme(part, keys.narrow(axis, of, count), out=part)
            keys = kept
    return keys


def part_masks(cloud: SurfaceCloud, vertices: Tensor, K: Tensor, box: Tensor, size: tuple[int, int]) -> Tensor:
    """Labels of the finest level as targets of the segmentation loss: int64 `[B,h,w]`, 0 background, 1 + joint.

    They are amodal with respect to anything but the body itself: an occluder that is pasted in later does not change
    them, so that attention learns where a hidden limb should be. Coarser levels are look-ups (`at_level`).
    """
    return visible_labels(cloud, vertices, K, box, size)[0].long()


def silhouettes(cloud: SurfaceCloud, vertices: Tensor, K: Tensor, box: Tensor, size: tuple[int, int]) -> Tensor:
    """Float `[B,h,w]`, 1 where the body is seen."""
    return (visible_labels(cloud, vertices, K, box, size)[0] != BACKGROUND).float()


def at_level(labels: Tensor, level: PartLevel) -> Tensor:
    """Labels of the 24 joints `[...]` (0 background) as labels of another level."""
    table = torch.tensor((BACKGROUND, *(part + 1 for part in level.of_joint)), device=labels.device)
    return table[labels.long()]


def mirrored(labels: Tensor, level: PartLevel) -> Tensor:
    """A mask `[...,h,w]` of a level, mirrored left to right, its sides swapped."""
    table = torch.tensor((BACKGROUND, *(part + 1 for part in level.mirror)), device=labels.device)
    return table[labels.long()].flip(-1)
