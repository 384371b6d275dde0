"""The prior where there are no weights: a body moves away from the feet that stand (contact odometry)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...geometry.banded import smooth

Array = NDArray[np.float64]
SMOOTHING_S: Final = 0.3
"""Velocities are smoothed with this period; so are the changes between standing feet and none."""


def odometry(pelvis: Array, offset: Array, contact: NDArray[np.bool_], confidence: Array, time_s: Array) -> Array:
    """A path `[N,3]` whose velocity is the observed one, less the velocity of the feet that stand.

    Args:
        pelvis: `[N,3]`, observed, metres, world.
        offset: `[N,K,3]`, from the pelvis to points of the feet.
        contact: bool `[N,K]`.
        confidence: `[N]`; where the person is not seen, the observed velocity counts for little.
        time_s: `[N]`.
    """
    if len(pelvis) < 3:
        return pelvis.copy()
    step = np.diff(time_s)[:, None]
    calm = smooth(time_s, pelvis, SMOOTHING_S, np.maximum(confidence, 0.01))
    velocity = np.diff(calm, axis=0) / step
    both = contact[1:] & contact[:-1]
    count = both.sum(1)
    standing = -(np.diff(offset, axis=0) * both[..., None]).sum(1) / np.maximum(count, 1)[:, None] / step
    middle = 0.5 * (time_s[1:] + time_s[:-1])
    # The share of standing feet comes and goes smoothly, so that velocities do not jump with contacts.
    share = np.clip(smooth(middle, (count > 0).astype(np.float64), 0.5 * SMOOTHING_S), 0, 1) * (count > 0)
    mixed = velocity + share[:, None] * (standing - velocity)
    path = np.concatenate([calm[:1], calm[:1] + np.cumsum(mixed * step, axis=0)])
    # Heights are observed well: only horizontal motion is carried on.
    path[:, 1] = calm[:, 1]
    return path
