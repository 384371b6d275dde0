"""Contact detection on plain arrays: height and speed over a floor that may be a little off."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from ...geometry.banded import frame_seconds, smooth
from .settings import ContactSettings

STILL_MPS, STILL_ALLOWANCE = 0.2, 0.8
"""A point slower than this may be higher, by up to this share: recovered ankles are often tipped by ten degrees or
more, while somebody who lifts a heel moves it."""
FLOOR_PERIOD_S = 4.0
"""Errors of the floor's height are taken to change over seconds, as monocular depth does."""


def speed(points: NDArray[np.float64], time_s: NDArray[np.float64], smoothing_s: float) -> NDArray[np.float64]:
    """Speed `[N,K]` in m/s of points `[N,K,3]`, with jitter faster than `smoothing_s` removed."""
    if len(points) < 2:
        return np.zeros(points.shape[:2])
    return np.linalg.norm(np.gradient(smooth(time_s, points, smoothing_s), time_s, axis=0), axis=-1)


def floor_height(
    lowest: NDArray[np.float64], resting: NDArray[np.bool_], time_s: NDArray[np.float64], limit: float
) -> NDArray[np.float64]:
    """Height `[N]` of the floor that a person seems to stand on: a slow baseline under their feet.

    Asymmetric least squares (Eilers and Boelens, 2005): samples above the baseline pull less than samples below.

    Args:
        lowest: `[N]`, height of the lowest foot point over y = 0.
        resting: bool `[N]`, frames in which that point moves slowly.
        time_s: `[N]`.
        limit: largest error that is believed, metres; nothing below or above it is looked at.
    """
    near = resting & (np.abs(lowest) < limit + 0.03)
    if limit <= 0 or not near.any():
        return np.zeros(len(lowest))
    floor = np.full(len(lowest), np.quantile(lowest[near], 0.3))
    values = np.where(near, lowest, 0.0)
    for _ in range(5):
        weight = near * np.where(values > floor, 0.15, 0.85) + 1e-4
        target = np.where(near, values, np.quantile(lowest[near], 0.3))
        floor = smooth(time_s, target, FLOOR_PERIOD_S, weight) if len(lowest) > 2 else floor
    return np.clip(floor, -limit, limit)


def hysteresis(start: NDArray[np.bool_], keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Runs of `keep` in time that hold at least one `start`; both `[N]`."""
    runs, count = label(keep | start)
    hit = np.zeros(count + 1, bool)
    hit[runs[start]] = True
    hit[0] = False
    return hit[runs]


def drop_short(mask: NDArray[np.bool_], time_s: NDArray[np.float64], min_s: float) -> NDArray[np.bool_]:
    """Clear runs of True that last less than `min_s` seconds, counting each frame's own span; `[N]`."""
    runs, count = label(mask)
    length = np.bincount(runs, frame_seconds(time_s), count + 1)
    return mask & (length[runs] >= min_s - 1e-6)


def detect(
    points: NDArray[np.float64],
    clearance: NDArray[np.float64],
    time_s: NDArray[np.float64],
    valid: NDArray[np.bool_],
    settings: ContactSettings,
) -> NDArray[np.bool_]:
    """Contacts of heels and toes.

    Args:
        points: `[N,4,3]`, metres, world: left heel, left toe, right heel, right toe.
        clearance: `[4]`, height of each point when the foot is flat on the floor.
        time_s: `[N]`, seconds, rising.
        valid: bool `[N]`; there is no contact elsewhere.
        settings: thresholds.

    Returns:
        bool `[N,4]`.
    """
    if len(points) == 0:
        return np.zeros((0, 4), bool)
    moving = speed(points, time_s, settings.smoothing_s)
    height = smooth(time_s, points[..., 1], settings.smoothing_s) - clearance
    lowest = height.argmin(1)
    rows = np.arange(len(height))
    resting = valid & (moving[rows, lowest] < max(settings.keep_speed_mps, settings.speed_mps))
    height = height - floor_height(height[rows, lowest], resting, time_s, settings.floor_error_m)[:, None]
    keep_height = max(settings.keep_height_m, settings.height_m)
    keep_speed = max(settings.keep_speed_mps, settings.speed_mps)
    allowance = 1 + STILL_ALLOWANCE * np.clip(1 - moving / STILL_MPS, 0, 1)
    start = (height < allowance * settings.height_m) & (moving < settings.speed_mps) & valid[:, None]
    keep = (height < allowance * keep_height) & (moving < keep_speed) & valid[:, None]
    out = np.zeros_like(start)
    for k in range(start.shape[1]):
        run = hysteresis(start[:, k], keep[:, k])
        run = ~drop_short(~run, time_s, settings.min_gap_s) & valid
        out[:, k] = drop_short(run, time_s, settings.min_contact_s) if len(time_s) > 3 else run
    return out
