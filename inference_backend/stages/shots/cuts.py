"""Hard cuts: two neighbouring pictures of which the second does not go on from the first.

Pictures are compared by their fine structure, so that a change of light is no cut, after undoing a shift of the whole
picture, so that a shake or a fast pan is none either. Something that passes close to the camera changes the picture for
good only where it is, and lets the old picture return.
"""

from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Small = NDArray[np.float32]

_ALIKE: Final = 0.5
_UNLIKE: Final = 0.4
_CONTRAST: Final = 0.25  # by how much a cut stands out from the pictures around it
_DETAIL_SIGMA: Final = 5.0


def structure(grey: NDArray[np.uint8]) -> Small:
    """Fine structure of a small grey picture `[h,w]`: what is left without its slow shades."""
    picture = grey.astype(np.float32)
    return picture - cv2.GaussianBlur(picture, (0, 0), _DETAIL_SIGMA)


def similarity(one: Small, other: Small) -> float:
    """Correlation of two structures, -1..1."""
    power = float((one * one).sum()) * float((other * other).sum())
    return float((one * other).sum()) / np.sqrt(power) if power > 0 else 1.0


def similarity_shifted(one: Small, other: Small) -> float:
    """The same after the shift of the whole picture that makes them most alike (phase correlation)."""
    window = cv2.createHanningWindow(one.shape[::-1], cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(one, other, window)
    height, width = one.shape
    if abs(dx) > 0.4 * width or abs(dy) > 0.4 * height:
        return similarity(one, other)
    back = cv2.warpAffine(other, np.float64([[1, 0, dx], [0, 1, dy]]), (width, height), flags=cv2.WARP_INVERSE_MAP)
    x, y = (slice(max(0, -round(d)), size - max(0, round(d))) for d, size in ((dx, width), (dy, height)))
    return max(similarity(one, other), similarity(one[y, x], back[y, x]))


def is_cut(before: list[Small], after: list[Small]) -> bool:
    """Whether the picture is cut between two runs of structures.

    Args:
        before: the last pictures before the place in question, in order of time; at least one.
        after: the pictures that follow; at least one.
    """
    across = similarity(before[-1], after[0])
    if across > _UNLIKE:
        return False
    # Cheap test passed: look closer. No picture of one side may return on the other (a flash, something passing).
    across = max(similarity_shifted(one, other) for one in before[-2:] for other in after[:3])
    if across > _UNLIKE:
        return False
    inside = [similarity_shifted(a, b) for run in (before, after) for a, b in pairwise(run)]
    return not inside or min(inside) > across + _CONTRAST


def is_same_scene(one: Small, other: Small) -> bool:
    """Whether two pictures show the same scene from the same place, roughly."""
    return similarity_shifted(one, other) > _ALIKE
