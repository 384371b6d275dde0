"""Where a path is worth regenerating."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from .settings import TrajectorySettings

Array = NDArray[np.float64]
SEEN_JOINTS: Final = (0, 1, 2, 4, 5, 7, 8)
"""Pelvis, hips, knees and ankles: what a path is seen by."""


def confidence_of(valid: NDArray[np.bool_], joints: NDArray[np.floating]) -> Array:
    """How well each frame's place is seen, `[N]`, from valid `[N]` and the joints' confidence `[N,22]`."""
    return valid * np.clip(np.asarray(joints, np.float64)[:, list(SEEN_JOINTS)].mean(1), 0, 1)


def triggered(
    confidence: Array, depth_sigma: Array, slip: Array, time_s: Array, settings: TrajectorySettings
) -> NDArray[np.bool_]:
    """Frames `[N]` to regenerate, padding included.

    Args:
        confidence: `[N]`, from `confidence_of`.
        depth_sigma: `[N]`, metres.
        slip: `[N]`, m/s, speed of the feet that stand, 0 where none does.
        time_s: `[N]`.
        settings: thresholds; `trigger` too.
    """
    count = len(confidence)
    if settings.trigger in ("never", "carried") or count == 0:
        return np.zeros(count, bool)
    if settings.trigger == "always":
        return np.ones(count, bool)
    window = min(settings.min_frames, count)
    hidden = uniform_filter1d(confidence, window, mode="nearest") < settings.confidence
    sliding = uniform_filter1d(slip, window, mode="nearest") > settings.slip_mps
    wanted = hidden | (depth_sigma > settings.depth_sigma_m) | sliding
    rows = np.flatnonzero(wanted)
    if len(rows) == 0:
        return wanted
    first = np.searchsorted(time_s, time_s[rows] - settings.pad_s)
    last = np.searchsorted(time_s, time_s[rows] + settings.pad_s, side="right")
    edges = np.zeros(count + 1, np.int64)
    np.add.at(edges, first, 1)
    np.add.at(edges, last, -1)
    return np.cumsum(edges[:-1]) > 0
