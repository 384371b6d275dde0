"""Where a camera goes that is carried about, from somebody whom it sees walk.

The picture shows where people are from the camera, not where the camera is. But a body moves away from the foot that it
stands on: while one foot is the lower one, the pelvis moves in the room as that foot moves relative to it, backwards.
That is the walker's path; less where they are seen from the camera, it is the camera's.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...geometry.banded import smooth
from .vertical import directions

Array = NDArray[np.float64]

_FEET_S: Final = 0.15
"""Seconds over which feet are smoothed, and over which the body's weight passes from one to the other."""
_WEIGHT_M: Final = 0.015
"""Difference in height of the feet at which nearly all weight is on the lower one."""
_HANDS_S: Final = 1.0
"""Period below which the camera's own path is smoothed: monocular depth jitters, and who carries a camera does not."""


def carried_path(pelvis: Array, feet: Array, confidence: Array, time_s: Array, up: Array) -> Array:
    """The path of a camera `[N,3]` over a person's N frames, from 0 at the first.

    Args:
        pelvis: `[N,3]`, metres, in the turned axes of the camera: those of the shot's first frame, its place as origin.
        feet: `[N,2,3]`, left and right, relative to the pelvis, same axes.
        confidence: `[N]`, how well the person is seen; frames at 0 keep the camera's velocity.
        time_s: `[N]`.
        up: `[3]`, unit, same axes.
    """
    if len(pelvis) < 3:
        return np.zeros_like(pelvis)
    calm = smooth(time_s, feet, _FEET_S)
    height = calm @ up
    lower = 1 / (1 + np.exp(-(height[:, ::-1] - height) / (_WEIGHT_M / 3)))
    weight = smooth(time_s, lower, _FEET_S)
    weight = 0.5 * (weight[1:] + weight[:-1])
    step = -(weight[..., None] * np.diff(calm, axis=0)).sum(1) / weight.sum(1, keepdims=True)
    walked = np.concatenate([np.zeros((1, 3)), np.cumsum(step, axis=0)])
    # Nobody rises or sinks for long by walking: a camera's height is seen from the person's.
    flat = np.stack(directions(up))
    walked = walked @ flat.T @ flat
    seen = pelvis - ((pelvis - pelvis[:1]) @ up)[:, None] * up
    path = smooth(time_s, walked - seen, _HANDS_S, np.maximum(confidence, 1e-3))
    return path - path[0]
