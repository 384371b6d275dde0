"""Which stretches of a motion stand on the floor, so that simulating them makes sense."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...geometry.banded import frame_seconds, smooth
from ...geometry.feet import ANKLES, HIPS, KNEES, Soles
from ..contacts.detect import drop_short

Array = NDArray[np.float64]

PELVIS_LEGS: Final = (0.35, 1.1)
"""Believable heights of the pelvis, in leg lengths."""
NEAR_M: Final = 0.15
"""A foot lower than this may carry the body."""
FLIGHT_S: Final = 0.8
"""A jump lasts no longer."""
BESIDE_M, SLOW_MPS, SITS_S = 0.25, 0.3, 1.0
"""Who keeps the middle of the body this far beside their feet, hardly moving, for this long, sits or leans on something
that the simulation does not know."""
MIN_RUN_S: Final = 0.5


def supported(joints: Array, points: Array, valid: NDArray[np.bool_], time_s: Array, soles: Soles) -> NDArray[np.bool_]:
    """Frames `[N]` that can be simulated, in runs of `MIN_RUN_S` and more.

    Args:
        joints: `[N,22,3]`, metres, world, floor at y = 0.
        points: `[N,K,3]`, sole points.
        valid: bool `[N]`.
        time_s: `[N]`.
        soles: rest geometry of the feet.
    """
    if len(joints) == 0:
        return np.zeros(0, bool)
    rest = soles.joints
    hips, knees, ankles = (rest[list(pair)] for pair in (HIPS, KNEES, ANKLES))
    leg = (np.linalg.norm(hips - knees, axis=-1) + np.linalg.norm(knees - ankles, axis=-1)).mean()
    leg += float((rest[list(ANKLES), 1] - soles.points[..., 1].min(1)).mean())
    height = joints[:, 0, 1] / leg
    upright = (height > PELVIS_LEGS[0]) & (height < PELVIS_LEGS[1])
    flies = drop_short(points[..., 1].min(1) > NEAR_M, time_s, FLIGHT_S)
    middle = joints[:, [0, 9, 12]].mean(1)[:, [0, 2]]
    beside = np.linalg.norm(points[..., [0, 2]] - middle[:, None], axis=-1).min(1) > BESIDE_M
    path = smooth(time_s, middle, 0.5)
    speed = np.linalg.norm(np.gradient(path, time_s, axis=0), axis=1) if len(path) > 1 else np.zeros(len(path))
    sits = drop_short(beside & (speed < SLOW_MPS), time_s, SITS_S)
    # Somebody who jumps is higher than they are tall, but not for long.
    upright = ~drop_short(~upright, time_s, FLIGHT_S)
    good = valid & upright & ~flies & ~sits
    return drop_short(good, time_s, MIN_RUN_S) & (frame_seconds(time_s) > 0)
