"""The pelvis' path in the world: the camera's evidence, fused with what feet in contact say.

Monocular depth drifts by decimetres where motion across the image is right to centimetres. While a foot stands still,
the body's motion relative to it is the body's motion in the world (contact odometry).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry.banded import BandedLeastSquares, curvature, frame_seconds
from .settings import WorldSettings

_SPEED = 0.1
"""Metres per second: the scale that turns the settings' seconds into metres (sigma = s x 0.1)."""
_TYPICAL_DEPTH_SIGMA_M = 0.1
"""Depth error for which the settings' crossover along the ray holds; it grows with the error."""
_ACCELERATION = 30.0
"""Metres per second squared that a body may do; keeps jitter out."""
_CORRECTION_ACCELERATION = 3.0
"""Metres per second squared by which the path may depart from the observed one: contacts that come and go must not be
felt as jerks."""
_FLOOR_SIGMA_M = 0.03
_UNSEEN = 1e-6
_UNSEEN_SPEED = 0.5
"""Weight of the place of frames without evidence, against 1, and how far their velocity is trusted (m/s)."""


@dataclass(frozen=True)
class Stance:
    """Feet for the fusion, N frames and K points.

    Attributes:
        offset: `[N,K,3]`, from the pelvis to each point, world axes.
        contact: bool `[N,K]`.
        clearance: `[K]`, height of each point over the floor it stands on; None keeps the floor out.
    """

    offset: NDArray[np.float64]
    contact: NDArray[np.bool_]
    clearance: NDArray[np.float64] | None


def fuse(
    pelvis: NDArray[np.float64],
    camera: NDArray[np.float64],
    confidence: NDArray[np.float64],
    depth_sigma: NDArray[np.float64],
    time_s: NDArray[np.float64],
    stance: Stance,
    settings: WorldSettings,
) -> NDArray[np.float64]:
    """Fuse the observed path with contact odometry; one banded solve.

    `min_x int c (x-o)^T W (x-o) + |x' - u|^2 / sigma_v^2 + (x_y + r_y)^2 / sigma_h^2 + |x''|^2 / sigma_a^2 +
    |(x - o)''|^2 / sigma_c^2 dt` with
    `W = (I - d d^T) / sigma_lat^2 + d d^T / sigma_dep^2`, d the viewing ray, and u = -r' the velocity that keeps
    points in contact still (r: their offset from the pelvis). Frames without contact keep the smoothness term only;
    frames without evidence keep the velocity that they were filled with, not the place.

    Args:
        pelvis: `[N,3]`, observed, world, metres.
        camera: `[3]` or `[N,3]`, camera position, world.
        confidence: `[N]`, 0..1.
        depth_sigma: `[N]`, metres.
        time_s: `[N]`.
        stance: feet.
        settings: crossover times.
    """
    count = len(pelvis)
    if count < 3 or not settings.fuse_depth:
        return pelvis.copy()
    solver = BandedLeastSquares(count, 3)
    seconds = frame_seconds(time_s)
    ray = pelvis - camera
    ray = ray / np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-6)
    along = ray[:, :, None] * ray[:, None]
    lateral = settings.lateral_s * _SPEED
    depth = np.maximum(settings.depth_s * _SPEED * np.clip(depth_sigma / _TYPICAL_DEPTH_SIGMA_M, 0.2, 3), lateral)
    precision = (np.eye(3) - along) / lateral**2 + along / depth[:, None, None] ** 2
    weight = seconds * np.maximum(confidence, _UNSEEN)
    solver.add(np.ones((count, 1)), precision * weight[:, None, None], pelvis)
    _add_odometry(solver, stance, time_s, settings)
    _add_gaps(solver, pelvis, confidence, time_s)
    if stance.clearance is not None:
        standing = seconds[:, None] * stance.contact / np.maximum(stance.contact.sum(1, keepdims=True), 1)
        up = np.diag([0.0, 1.0, 0.0])
        for k in range(stance.contact.shape[1]):
            target = np.zeros((count, 3))
            target[:, 1] = stance.clearance[k] - stance.offset[:, k, 1]
            solver.add(np.ones((count, 1)), up * (standing[:, k] / _FLOOR_SIGMA_M**2)[:, None, None], target)
    coefficients, span = curvature(time_s)
    still = np.eye(3) * (span / _ACCELERATION**2)[:, None, None]
    solver.add(coefficients, still, np.zeros((count - 2, 3)))
    seen = (confidence[2:] > 0) & (confidence[1:-1] > 0) & (confidence[:-2] > 0)
    alike = np.eye(3) * (span * seen / _CORRECTION_ACCELERATION**2)[:, None, None]
    observed = sum(coefficients[:, k : k + 1] * pelvis[k : k + count - 2] for k in range(3))
    solver.add(coefficients, alike, observed)
    return solver.solve()


def _add_odometry(
    solver: BandedLeastSquares, stance: Stance, time_s: NDArray[np.float64], settings: WorldSettings
) -> None:
    step = np.diff(time_s)
    difference = np.tile([-1.0, 1.0], (len(step), 1)) / step[:, None]
    both = stance.contact[1:] & stance.contact[:-1]
    share = both / np.maximum(both.sum(1, keepdims=True), 1)
    velocity = -np.diff(stance.offset, axis=0) / step[:, None, None]
    sigma = settings.step_speed_mps + settings.step_speed_share * np.linalg.norm(velocity, axis=-1)
    for k in range(both.shape[1]):
        precision = np.eye(3) * (step * share[:, k] / sigma[:, k] ** 2)[:, None, None]
        solver.add(difference, precision, velocity[:, k])


def _add_gaps(
    solver: BandedLeastSquares,
    pelvis: NDArray[np.float64],
    confidence: NDArray[np.float64],
    time_s: NDArray[np.float64],
) -> None:
    step = np.diff(time_s)
    unseen = (confidence[1:] <= 0) & (confidence[:-1] <= 0)
    difference = np.tile([-1.0, 1.0], (len(step), 1)) / step[:, None]
    precision = np.eye(3) * (step * unseen / _UNSEEN_SPEED**2)[:, None, None]
    solver.add(difference, precision, np.diff(pelvis, axis=0) / step[:, None])
