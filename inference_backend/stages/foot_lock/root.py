"""The shift of the whole body that lets its feet stand without stretching its legs."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from ...geometry.banded import frame_seconds, smooth

_STAY = np.array([3.0, 0.1, 3.0])
"""Weight of staying where the body is, against a foot's weight of 1: the world stage has settled the horizontal path
with the same feet, while the floor's height is settled here."""


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
    """Smooth least squares of what the feet in contact ask for; where a leg is too short, the body comes down.

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
    firmness = total[:, None] + _STAY
    target = (weight[..., None] * wanted).sum(1) / firmness
    axes = [_smooth(time_s, target[:, i], period_s, firmness[:, i]) for i in range(3)]
    shift = _limited(np.stack(axes, axis=1), limit_m)
    need = _drop_to_reach(hips + shift[:, None], ankles, reach_m) * (weight > 0.999)
    drop = eased_above(np.minimum(need.max(1), limit_m), time_s, 0.3 * period_s)
    return shift - drop[:, None] * [0, 1, 0]


def _drop_to_reach(
    hips: NDArray[np.float64], ankles: NDArray[np.float64], reach_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each hip must come down, metres `[N,2]`, for its leg to reach its ankle."""
    line = hips - ankles
    across = np.minimum(np.linalg.norm(line[..., [0, 2]], axis=-1), reach_m)
    return np.maximum(line[..., 1] - np.sqrt(reach_m**2 - across**2), 0)


def eased_above(need: NDArray[np.float64], time_s: NDArray[np.float64], span_s: float) -> NDArray[np.float64]:
    """A smooth curve `[N]` that is nowhere below `need [N]`: its running maximum, averaged over the same span."""
    step = np.median(np.diff(time_s)) if len(time_s) > 1 else 1 / 30
    half = round(float(0.5 * span_s / max(step, 1e-6)))
    if half == 0 or not need.any():
        return need
    window = np.hanning(2 * half + 3)[1:-1]
    top = np.pad(maximum_filter1d(need, 2 * half + 1, mode="nearest"), half, mode="edge")
    return np.maximum(np.convolve(top, window / window.sum(), "valid"), need)


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
