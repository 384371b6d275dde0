"""The shift of the whole body that lets its feet stand without stretching its legs."""

import numpy as np
from numpy.typing import NDArray

from ...geometry.banded import frame_seconds, smooth

_PULL_HOME = 0.02
"""Weight of staying where the body is, against a foot's weight of 1."""


def root_shift(
    wanted: NDArray[np.float64],
    weight: NDArray[np.float64],
    hips: NDArray[np.float64],
    ankles: NDArray[np.float64],
    reach_m: NDArray[np.float64],
    time_s: NDArray[np.float64],
    period_s: float,
    limit_m: float,
) -> NDArray[np.float64]:
    """Smooth least squares of what the feet in contact ask for; where a leg is too short, the body comes nearer.

    Args:
        wanted: `[N,2,3]`, shift that each foot asks for, metres.
        weight: `[N,2]`, 1 in contact, 0 in the air.
        hips: `[N,2,3]`, metres, before the shift.
        ankles: `[N,2,3]`, metres: where the ankles are to be.
        reach_m: `[N,2]`, hip-ankle distance that each leg can have.
        time_s: `[N]`.
        period_s: see `geometry.banded.smooth`.
        limit_m: shifts are softly limited to this.

    Returns:
        `[N,3]`, metres.
    """
    if len(time_s) == 0 or limit_m <= 0 or not weight.any():
        return np.zeros((len(time_s), 3))
    total = weight.sum(1)
    target = (weight[..., None] * wanted).sum(1) / np.maximum(total + _PULL_HOME, 1e-9)[:, None]
    firmness = total + _PULL_HOME
    shift = _limited(_smooth(time_s, target, period_s, firmness), limit_m)
    for _ in range(4):
        line = ankles - hips - shift[:, None]
        distance = np.linalg.norm(line, axis=-1)
        over = np.maximum(distance - reach_m, 0) * (weight > 0.999)
        if over.max() < 1e-4:
            break
        nearer = (over[..., None] * line / np.maximum(distance, 1e-9)[..., None]).sum(1)
        nearer /= np.maximum((over > 1e-4).sum(1), 1)[:, None]
        strict = over.max(1) > 1e-4
        target = np.where(strict[:, None], shift + 1.3 * nearer, target)
        firmness = np.where(strict, 30.0, firmness)
        shift = _limited(_smooth(time_s, target, period_s, firmness), limit_m)
    return shift


def _smooth(
    time_s: NDArray[np.float64], target: NDArray[np.float64], period_s: float, weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    if len(time_s) < 3:
        mean = np.average(target, axis=0, weights=weight * frame_seconds(time_s))
        return np.broadcast_to(mean, target.shape).copy()
    return smooth(time_s, target, period_s, weight)


def _limited(shift: NDArray[np.float64], limit_m: float) -> NDArray[np.float64]:
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    return shift / (1 + (length / limit_m) ** 4) ** 0.25
