"""A relaxed hand: the constant finger pose for motion that says nothing about fingers.

Axis-angle in radians, `[15,3]` in SMPL-X's order (index, middle, pinky, ring, thumb; three segments each), for a flat
zero pose with the palm down. A left finger points along +x and curls about -z; the right hand is its mirror image.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_CURL: Final = {"index": (0.20, 0.35, 0.20), "middle": (0.28, 0.40, 0.25), "ring": (0.34, 0.42, 0.25)}
_PINKY: Final = (0.40, 0.42, 0.25)
_THUMB: Final = ((0.10, 0.20, -0.10), (0.0, 0.15, -0.05), (0.0, 0.25, 0.0))


def _left() -> NDArray[np.float64]:
    fingers = [_CURL["index"], _CURL["middle"], _PINKY, _CURL["ring"]]
    curls = [[0.0, 0.0, -angle] for finger in fingers for angle in finger]
    return np.array([*curls, *_THUMB])


RELAXED_LEFT_HAND: Final[NDArray[np.float64]] = _left()
RELAXED_RIGHT_HAND: Final[NDArray[np.float64]] = RELAXED_LEFT_HAND * [1.0, -1.0, -1.0]
