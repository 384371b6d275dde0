"""Long clips in overlapping windows, and their paths stitched together again."""

import torch
from torch import Tensor

LENGTH, STRIDE = 120, 60
"""Frames of a window, and from one to the next."""


def window_starts(count: int, length: int = LENGTH, stride: int = STRIDE) -> list[int]:
    """First frames of the windows over `count` frames; the last one ends with the clip."""
    if count <= length:
        return [0] if count else []
    return [*range(0, count - length, stride), count - length]


def stitch(paths: Tensor, starts: list[int], count: int) -> Tensor:
    """One path from the paths of overlapping windows, without a seam.

    Steps from frame to frame are averaged with triangular weights and added up; heights (y) are averaged as they are.

    Args:
        paths: `[W,L,3]`, world axes; L may be larger than `count` where there is one window.
        starts: first frame of each window.
        count: frames of the clip, at least 1.

    Returns:
        `[count,3]`, starting at x = z = 0 with the first window's.
    """
    steps = paths.new_zeros(count - 1, 3)
    total = paths.new_zeros(count - 1, 1)
    heights, seen = paths.new_zeros(count), paths.new_zeros(count)
    for path, start in zip(paths, starts, strict=True):
        length = min(paths.shape[1], count - start)
        path = path[:length]
        near = torch.arange(1, length + 1, device=paths.device, dtype=paths.dtype)
        weight = torch.minimum(near, near.flip(0))
        between = torch.minimum(weight[1:], weight[:-1])[:, None]
        steps[start : start + length - 1] += between * path.diff(dim=0)
        total[start : start + length - 1] += between
        heights[start : start + length] += weight * path[:, 1]
        seen[start : start + length] += weight
    out = paths.new_zeros(count, 3)
    out[1:] = torch.cumsum(steps / total, dim=0)
    out = out + paths[0, 0] * paths.new_tensor([1.0, 0.0, 1.0])
    out[:, 1] = heights / seen
    return out
