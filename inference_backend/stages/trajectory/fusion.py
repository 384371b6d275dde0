"""Ties a regenerated path to what the camera saw: turn, shift and scale, then one banded solve."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...geometry.banded import BandedLeastSquares

Array = NDArray[np.float64]

SCALE: Final = (0.8, 1.25)
EXTENT_M: Final = 1.0
"""Believable factors on horizontal motion; found only where the person is seen to cover this much ground."""
_UNSEEN: Final = 1e-9


@dataclass(frozen=True)
class Aligned:
    """A prior's path `[N,3]` on the observed one; the turn about y (radians) and the scale that brought it there."""

    path: Array
    yaw: float
    scale: float


def align(prior: Array, observed: Array, confidence: Array) -> Aligned:
    """Fit turn about y, shift and, where enough ground is covered, scale of horizontal motion.

    Args:
        prior, observed: `[N,3]`, metres, y up.
        confidence: `[N]`, weight of each frame, 0 and above.

    Returns:
        The moved prior; heights are as they were. Where nothing was seen, or nobody went anywhere, the turn is 0.
    """
    weight = np.maximum(confidence, 0.0)
    if weight.sum() <= 0:
        return Aligned(prior.copy(), 0.0, 1.0)
    share = weight / weight.sum()
    flat = [0, 2]
    a_mean, b_mean = share @ prior[:, flat], share @ observed[:, flat]
    a, b = prior[:, flat] - a_mean, observed[:, flat] - b_mean
    seen = weight > 0.1 * weight.max()
    extent = np.linalg.norm(np.ptp(observed[seen][:, flat], axis=0))
    # Turning about y by t sends (x, z) to (x cos t + z sin t, z cos t - x sin t).
    along = (share[:, None] * a * b).sum()
    across = (share * (a[:, 1] * b[:, 0] - a[:, 0] * b[:, 1])).sum()
    # On the spot there is no direction to go by: the turn fades with the ground covered.
    steady = share @ (a**2).sum(1) * share @ (b**2).sum(1)
    yaw = float(np.arctan2(across, along)) if steady > 1e-12 and extent > 0.3 else 0.0
    c, s = np.cos(yaw), np.sin(yaw)
    turned = np.stack([c * a[:, 0] + s * a[:, 1], c * a[:, 1] - s * a[:, 0]], axis=1)
    scale = 1.0
    if extent > EXTENT_M and (own := share @ (turned**2).sum(1)) > 1e-9:
        scale = float(np.clip((share[:, None] * turned * b).sum() / own, *SCALE))
    path = prior.copy()
    path[:, flat] = b_mean + scale * turned
    return Aligned(path, yaw, scale)


def shifted(prior: Array, observed: Array, confidence: Array) -> Aligned:
    """As `align`, but neither turned nor scaled."""
    weight = np.maximum(confidence, 0.0)
    if weight.sum() <= 0:
        return Aligned(prior.copy(), 0.0, 1.0)
    shift = (weight / weight.sum()) @ (observed - prior)
    return Aligned(prior + shift * [1, 0, 1], 0.0, 1.0)


@dataclass(frozen=True)
class Floor:
    """What standing feet say of the pelvis' height.

    Attributes:
        height: `[N]`, metres, of the pelvis with the foot on the floor; anything where none stands.
        stands: bool `[N]`.
    """

    height: Array
    stands: NDArray[np.bool_]


def precision_of(ray: Array, confidence: Array, sigma_v: Array, lateral_s: float, depth_s: float) -> Array:
    """`c W` `[N,3,3]` of `fuse`: how well each frame's place is observed, 1/m^2. Arguments as there."""
    along = ray[:, :, None] * ray[:, None]
    sigma = sigma_v[:, None, None]
    precision = (np.eye(3) - along) / (lateral_s * sigma) ** 2 + along / (depth_s * sigma) ** 2
    return precision * np.maximum(confidence, _UNSEEN)[:, None, None]


def fuse(
    observed: Array,
    prior: Array,
    confidence: Array,
    sigma_v: Array,
    ray: Array,
    time_s: Array,
    lateral_s: float,
    depth_s: float,
    floor: Floor | None = None,
    keep: NDArray[np.bool_] | None = None,
) -> Array:
    """One banded solve for the path.

    `min_x sum_t c_t (x_t-o_t)^T W_t (x_t-o_t) + sum_t |(x_{t+1}-x_t) - (r_{t+1}-r_t)|^2 / (sigma_v dt)^2` with
    `W_t = (I - d d^T) / (lateral sigma)^2 + d d^T / (depth sigma)^2`; the sigmas are the seconds times sigma_v, so that
    the video wins after these seconds. With a floor, o's height is that of the standing feet, and the prior's where
    none stands (step 4).

    Args:
        observed: o, `[N,3]`, metres, world.
        prior: r, `[N,3]`, aligned.
        confidence: c, `[N]`, 0..1.
        sigma_v: `[N]`, m/s.
        ray: d, `[N,3]`, unit, from the camera to the person.
        time_s: `[N]`.
        lateral_s, depth_s: seconds.
        floor: what the feet say of heights; None leaves them to the video.
        keep: bool `[N]`, frames that stay where they were observed, None for none.
    """
    count = len(observed)
    if count < 2:
        return observed.copy()
    given = observed
    if floor is not None:
        observed = observed.copy()
        observed[:, 1] = np.where(floor.stands, floor.height, prior[:, 1])
    solver = BandedLeastSquares(count, 3, reach=1)
    solver.add(np.ones((count, 1)), precision_of(ray, confidence, sigma_v, lateral_s, depth_s), observed)
    step = np.maximum(np.diff(time_s), 1e-4)
    between = 0.5 * (sigma_v[1:] + sigma_v[:-1])
    stiff = np.eye(3) / ((between * step) ** 2)[:, None, None]
    solver.add(np.tile([-1.0, 1.0], (count - 1, 1)), stiff, np.diff(prior, axis=0))
    if keep is not None and keep.any():
        solver.add(np.ones((count, 1)), np.eye(3) * (keep * 1e8)[:, None, None], given)
    return solver.solve()
