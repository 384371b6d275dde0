"""The 30 fps clock: landmarks onto it, motion back to the source's own time stamps.

Both directions work on presentation times, so constant and variable rates, 23.976 or 60 fps are one case.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, Slerp

CLOCK_FPS = 30.0
"""Frames per second that every estimator works at."""


def clock_times(time_s: NDArray[np.floating], fps: float = CLOCK_FPS) -> NDArray[np.float64]:
    """Evenly spaced times that cover a span of source times.

    Args:
        time_s: `[N]`, rising source time stamps in seconds, N >= 1.
        fps: rate of the clock.

    Returns:
        `[M]` seconds, from the first source time at steps of exactly 1 / fps; the last is not before the last source
        time (within a tenth of a step), so that nothing has to be extrapolated on the way back.
    """
    time_s = np.asarray(time_s, np.float64)
    steps = int(np.ceil((time_s[-1] - time_s[0]) * fps - 0.1))
    return time_s[0] + np.arange(max(steps, 0) + 1) / fps


def nearest_index(source_s: NDArray[np.floating], target_s: NDArray[np.floating]) -> NDArray[np.int64]:
    """For each of the times `target_s [M]` which of the rising times `source_s [N]` is nearest; of two, the earlier."""
    source_s = np.asarray(source_s, np.float64)
    upper = np.searchsorted(source_s, target_s).clip(0, len(source_s) - 1)
    lower = np.maximum(upper - 1, 0)
    return np.where(target_s - source_s[lower] <= source_s[upper] - target_s, lower, upper)


def _brackets(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    upper = np.clip(np.searchsorted(source, target, side="right"), 1, max(len(source) - 1, 1))
    lower = upper - 1
    upper = np.minimum(upper, len(source) - 1)
    span = np.maximum(source[upper] - source[lower], 1e-9)
    return lower, upper, np.clip((target - source[lower]) / span, 0.0, 1.0)


def sample_seen(
    time_s: NDArray[np.floating],
    seen: NDArray[np.bool_],
    target_s: NDArray[np.floating],
    *arrays: NDArray[np.floating],
    max_gap_s: float = 0.12,
) -> tuple[NDArray[np.bool_], list[NDArray[np.float64]]]:
    """Interpolate evidence linearly onto other times, using seen frames only and never across a long gap.

    Args:
        time_s: `[N]` source times.
        seen: `[N]`, frames that carry evidence.
        target_s: `[M]` times wanted.
        arrays: each `[N,...]`, finite where seen.
        max_gap_s: evidence is interpolated between two seen frames at most this far apart; a target within half a
            clock step of one seen frame takes that frame.

    Returns:
        seen at the targets `[M]`, and the arrays `[M,...]` as float64, NaN where not seen.
    """
    target_s = np.asarray(target_s, np.float64)
    index = np.flatnonzero(seen)
    if len(index) == 0:
        return np.zeros(len(target_s), bool), [np.full((len(target_s), *a.shape[1:]), np.nan) for a in arrays]
    source = np.asarray(time_s, np.float64)[index]
    lower, upper, weight = _brackets(source, target_s)
    nearest = np.where(weight > 0.5, upper, lower)
    touching = np.abs(target_s - source[nearest]) <= 0.5 / CLOCK_FPS + 1e-6
    span = source[upper] - source[lower]
    inside = (target_s >= source[0]) & (target_s <= source[-1])
    bridged = (inside | touching) & (span <= max_gap_s) & (span > 0)
    # Just beyond the ends the line through the last two samples goes on.
    line = np.clip((target_s - source[lower]) / np.maximum(span, 1e-9), -1.0, 2.0)
    weight = np.where(bridged, line, np.where(weight > 0.5, 1.0, 0.0))
    ok = bridged | touching
    out = []
    for array in arrays:
        values = np.asarray(array, np.float64)[index]
        w = weight.reshape(-1, *([1] * (values.ndim - 1)))
        mixed = values[lower] * (1 - w) + values[upper] * w
        mixed[~ok] = np.nan
        out.append(mixed)
    return ok, out


def cubic(
    source_s: NDArray[np.floating], values: NDArray[np.floating], target_s: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Cubic spline through `values [M,...]` at `source_s [M]`, read at `target_s [N]` (held beyond the ends)."""
    values = np.asarray(values, np.float64)
    target_s = np.clip(target_s, source_s[0], source_s[-1])
    if len(source_s) < 4:
        lower, upper, weight = _brackets(np.asarray(source_s, np.float64), np.asarray(target_s, np.float64))
        w = weight.reshape(-1, *([1] * (values.ndim - 1)))
        return values[lower] * (1 - w) + values[upper] * w
    return CubicSpline(source_s, values, axis=0)(target_s)


def slerp(
    source_s: NDArray[np.floating], rotations: NDArray[np.floating], target_s: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Spherical interpolation of rotation matrices.

    Args:
        source_s: `[M]` rising times.
        rotations: `[M,...,3,3]`.
        target_s: `[N]` times; held beyond the ends.

    Returns:
        `[N,...,3,3]` rotation matrices.
    """
    rotations = np.asarray(rotations, np.float64)
    target_s = np.clip(target_s, source_s[0], source_s[-1])
    if len(source_s) == 1:
        return np.repeat(rotations, len(target_s), axis=0)
    flat = rotations.reshape(len(source_s), -1, 3, 3)
    out = np.empty((len(target_s), flat.shape[1], 3, 3))
    for j in range(flat.shape[1]):
        out[:, j] = Slerp(source_s, Rotation.from_matrix(flat[:, j]))(target_s).as_matrix()
    return out.reshape(len(target_s), *rotations.shape[1:])


def cubic_rotations(
    source_s: NDArray[np.floating], rotations: NDArray[np.floating], target_s: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Rotation matrices at other times along cubic splines, so that turning has no kinks at the source's times.

    Args:
        source_s: `[M]` rising times, close enough together that nothing turns by half a circle between two of them.
        rotations: `[M,...,3,3]`.
        target_s: `[N]` times; held beyond the ends.

    Returns:
        `[N,...,3,3]` rotation matrices.
    """
    rotations = np.asarray(rotations, np.float64)
    shape = rotations.shape[1:-2]
    quaternion = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_quat().reshape(len(rotations), -1, 4)
    # A quaternion and its negative are the same rotation; a spline needs neighbours of one sign.
    flips = np.where((quaternion[1:] * quaternion[:-1]).sum(-1) < 0, -1.0, 1.0)
    quaternion[1:] *= np.cumprod(flips, axis=0)[..., None]
    turned = Rotation.from_quat(cubic(source_s, quaternion, target_s).reshape(-1, 4)).as_matrix()
    return turned.reshape(-1, *shape, 3, 3)
