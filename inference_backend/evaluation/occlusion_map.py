"""Occlusion sensitivity: how far each joint moves when something small slides over the person (after PARE, ICCV 2021).

Grids are over the occluder's places, `[rows,columns,J]`; errors in millimetres.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .metrics import MM, procrustes_errors, root_aligned_errors

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SHAPES: Final[tuple[str, ...]] = ("square", "circle", "bar")
_BAR: Final = 4.0
"""Length over width of the bar."""


def places(length: int, patch: int, stride: int) -> list[int]:
    """Where a patch starts along an axis: `ceil((length - patch) / stride + 1)` places, the last at the border.

    Raises:
        ValueError: the patch is longer than the axis, or the stride is not positive.
    """
    if not 0 < patch <= length or stride < 1:
        raise ValueError(f"A patch of {patch} with stride {stride} cannot slide over {length} pixels.")
    count = math.ceil((length - patch) / stride + 1)
    return [min(i * stride, length - patch) for i in range(count)]


def occluder(shape: str, side: int) -> Mask:
    """An occluder as large as a square of `side` pixels: bool `[h,w]`, True where it covers.

    A circle, or an upright bar four times as high as wide, has the square's area, up to rounding to pixels.
    """
    if shape == "square":
        return np.ones((side, side), bool)
    if shape == "bar":
        width = max(1, round(side / _BAR**0.5))
        return np.ones((round(side**2 / width), width), bool)
    if shape == "circle":
        radius = side / math.pi**0.5
        half = np.arange(2 * math.ceil(radius)) - math.ceil(radius) + 0.5
        return np.hypot(half[:, None], half) <= radius
    raise ValueError(f"The shape is one of {', '.join(SHAPES)}.")


def slide(size: tuple[int, int], patch: Mask, stride: int) -> tuple[Mask, tuple[int, int]]:
    """All covers of a picture, bool `[rows * columns,h,w]`, and the number of rows and columns."""
    rows, columns = (places(length, extent, stride) for length, extent in zip(size, patch.shape, strict=True))
    covers = np.zeros((len(rows) * len(columns), *size), bool)
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            covers[i * len(columns) + j, top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return covers, (len(rows), len(columns))


def sensitivity(
    predict: Callable[[Mask], Array], size: tuple[int, int], patch: Mask, stride: int, truth: Array | None = None
) -> tuple[Array, Array]:
    """Slide an occluder over a picture.

    Args:
        predict: called with covers `[N,h,w]`; joints `[N,J,3]` in metres, pelvis first.
        size: height and width of the picture.
        patch: what slides (`occluder`).
        stride: pixels from place to place.
        truth: `[J,3]`; None: the deviation from what is predicted without an occluder.

    Returns:
        Grids of the joints' errors after aligning the pelvis, and after a similarity fit, `[rows,columns,J]`.
    """
    covers, (rows, columns) = slide(size, patch, stride)
    if truth is None:
        truth = predict(np.zeros((1, *size), bool))[0]
    found = predict(covers)
    reference = np.broadcast_to(truth, found.shape)
    everywhere = np.ones(found.shape[:2], bool)
    plain = root_aligned_errors(found, reference, everywhere, found[:, 0], reference[:, 0])
    fitted = procrustes_errors(found, reference, everywhere)
    return tuple(MM * errors.reshape(rows, columns, -1) for errors in (plain, fitted))


def heat_map(grid: Array, reduce: str = "max") -> Array:
    """One number for each place: the largest (`max`) or mean error over joints, `[rows,columns]`."""
    return grid.max(axis=2) if reduce == "max" else grid.mean(axis=2)
