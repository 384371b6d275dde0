"""One floor for several people, as far as a believable change of their size explains that their floors differ.

One picture cannot tell a small person nearby from a tall one far away: size and distance scale together, and the floor
under a person with them. So a person whose floor is off is scaled, stature and distance by one factor, which leaves
the picture of them as it is. Nothing else may move them away from their picture.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

STATURE_SIGMA: Final = 0.065
"""Standard deviation of adults' stature as a share of it: how far anybody's size is changed to meet a floor."""
GIVEN_SIZES: Final = 0.25
"""The same (of the logarithm) where the camera's height is given: that measures people's size."""
_LONG: Final = 0.2
"""Who stands for less than this share of the longest one's time does not choose the floor."""


@dataclass(frozen=True)
class Floor:
    """The floor of a shot.

    Attributes:
        height: of the camera over it, metres.
        scale: `[P]`, by which each person's size and distance change to stand on it; 1 for who is left where they are.
        shared: bool `[P]`, who stands on it then.
    """

    height: float
    scale: NDArray[np.float64]
    shared: NDArray[np.bool_]


def common_floor(heights: NDArray[np.float64], seconds: NDArray[np.float64]) -> Floor:
    """The floor that most people agree on within a believable change of size; of several such the lowest.

    Args:
        heights: `[P]`, metres of the camera over the floor that each person stands on, at their size as it is.
        seconds: `[P]`, for how long they stand there; 0 where nobody saw their feet stand.
    """
    stands = (seconds >= _LONG * seconds.max()) & (heights > 0) & (seconds > 0)
    if not stands.any():
        height = float(heights.max())
        return Floor(height, np.ones(len(heights)), _agrees(heights, height, STATURE_SIGMA))
    best = np.zeros(len(heights), bool)
    for lowest in sorted(heights[stands], reverse=True):
        group = stands & (heights <= lowest) & (heights >= lowest * np.exp(-2 * STATURE_SIGMA))
        if group.sum() > best.sum():
            best = group
    height = float(np.exp(np.log(heights[best]).mean()))
    shared = _agrees(heights, height, STATURE_SIGMA)
    return Floor(height, _scales(heights, height, shared & (seconds > 0)), shared)


def given_floor(heights: NDArray[np.float64], seconds: NDArray[np.float64], height: float) -> Floor:
    """The same for a camera whose height is known."""
    shared = _agrees(heights, height, GIVEN_SIZES)
    return Floor(height, _scales(heights, height, shared & (seconds > 0)), shared)


def _agrees(heights: NDArray[np.float64], height: float, limit: float) -> NDArray[np.bool_]:
    if height <= 0:  # a camera below the floor: no size explains anything
        return heights == height
    return np.abs(np.log(np.maximum(heights, 1e-6) / height)) <= limit + 1e-9


def _scales(heights: NDArray[np.float64], height: float, moved: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(moved, height / np.where(moved, heights, 1.0), 1.0)
