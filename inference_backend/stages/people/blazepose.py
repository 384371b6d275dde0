"""MediaPipe's 33 landmarks: which is which."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

COUNT: Final = 33
NOSE: Final = 0
SHOULDERS: Final = (11, 12)
HIPS: Final = (23, 24)
CORE: Final = np.array([11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28])
"""Shoulders, elbows, wrists, hips, knees, ankles; left before right."""

ARM_PAIRS: Final = ((13, 14), (15, 16), (17, 18), (19, 20), (21, 22))
LEG_PAIRS: Final = ((25, 26), (27, 28), (29, 30), (31, 32))
_FACE_PAIRS: Final = ((1, 4), (2, 5), (3, 6), (7, 8), (9, 10))
_PAIRS: Final = (*_FACE_PAIRS, (11, 12), *ARM_PAIRS, (23, 24), *LEG_PAIRS)


def exchanged(pairs: tuple[tuple[int, int], ...]) -> NDArray[np.int64]:
    """Indices `[33]` that exchange the landmarks of each pair and keep the others."""
    order = np.arange(COUNT)
    for left, right in pairs:
        order[left], order[right] = right, left
    return order


MIRRORED: Final = exchanged(_PAIRS)
"""Indices `[33]` that exchange left and right everywhere."""
