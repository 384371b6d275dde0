"""Those of MoRo's published measures that have a definition of their own; the rest is in `evaluation.metrics`.

Arrays are `[T,J,3]`, metres, in a world with y up, at 30 frames a second.
"""

import numpy as np
from numpy.typing import NDArray

from .losses import FPS

_STANDING_SPEED = 0.3
_SKATING_SPEED = 0.1
_LOW = np.array([0.15, 0.10, 0.15, 0.10])
_ANKLES_AND_TOES = (7, 10, 8, 11)
_TOES = (10, 11)
_DEEP = -0.05

Array = NDArray[np.floating]


def foot_sliding(predicted: Array, target: Array) -> Array:
    """Steps in mm of predicted foot vertices `[T,4,3]` while the target's stand (below 0.3 m/s), pooled."""
    standing = np.linalg.norm(np.diff(target, axis=0), axis=-1) * FPS < _STANDING_SPEED
    return np.linalg.norm(np.diff(predicted, axis=0), axis=-1)[standing] * 1000


def skating(joints: Array, floor: float = 0.0) -> NDArray[np.bool_]:
    """Frames `[T-1]` in which both feet slide: ankles and toes low, and over 0.1 m/s fast along the floor."""
    feet = joints[:, _ANKLES_AND_TOES]
    speed = np.linalg.norm(np.diff(feet, axis=0)[..., (0, 2)], axis=-1) * FPS
    return ((speed > _SKATING_SPEED) & (feet[:-1, :, 1] - floor < _LOW)).all(-1)


def penetration(joints: Array, floor: float = 0.0) -> tuple[Array, Array]:
    """Depth of the toes under the floor `[T]` in mm (0 above it), and the share over 5 cm deep `[T]` in percent."""
    height = joints[:, _TOES, 1] - floor
    return np.minimum(height, 0).mean(-1) * -1000, (height < _DEEP).mean(-1) * 100
