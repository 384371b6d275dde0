"""Which way is up, in a still camera's axes: from upright bodies, then from the floor under stance feet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CAMERA_UP = np.array([0.0, -1.0, 0.0])
LEVEL_SIGMA = np.deg2rad([15.0, 4.0])
"""What is known of a camera before anybody is seen: standard deviations of tilt and roll."""
BODY_SIGMA = np.deg2rad([4.0, 1.5])
"""How far the mean axis of upright bodies may be off: lean towards the camera is badly seen, lean sideways well."""
FOOT_SIGMA_M, STANCE_S = 0.03, 0.5
"""Height error of a foot on the floor, and for how long that error stays the same."""
MIN_SPREAD_M = 0.5
"""Extent that feet must cover along a direction before they say anything of the floor's slope along it."""


@dataclass(frozen=True)
class Vertical:
    """An estimate of up.

    Attributes:
        up: `[3]`, unit, camera axes.
        precision: `[2,2]`, inverse covariance (1/rad^2) of turns in `directions(up)`.
        source: `feet`, `bodies`, `level` or `user`.
    """

    up: NDArray[np.float64]
    precision: NDArray[np.float64]
    source: str


def directions(up: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The camera's horizontal forward and right, `[3]` each, unit, camera axes."""
    # A camera that looks straight down has no horizontal forward; the top of its image takes the place.
    ahead = np.array([0.0, 0.0, 1.0]) if abs(up[2]) < 0.999 else -np.sign(up[2]) * CAMERA_UP * -1
    forward = ahead - (ahead @ up) * up
    forward /= np.linalg.norm(forward)
    return forward, np.cross(forward, up)


def from_angles(tilt_deg: float, roll_deg: float) -> Vertical:
    """Up of a camera that looks down by `tilt_deg` and is rolled clockwise by `roll_deg`."""
    tilt, roll = np.deg2rad([tilt_deg, roll_deg])
    level = np.array([0.0, -np.cos(tilt), -np.sin(tilt)])
    c, s = np.cos(roll), np.sin(roll)
    up = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) @ level
    return Vertical(up, np.eye(2) * 1e8, "user")


def from_bodies(joints: NDArray[np.float64], seconds: NDArray[np.float64]) -> Vertical:
    """Up as the common axis of people who stand upright with straight legs.

    Args:
        joints: `[M,22,3]`, camera axes, usable frames of all people of the shot.
        seconds: `[M]`, weight: the time each frame stands for times how well it is seen.

    Returns:
        `bodies` where at least a third of a second of upright standing was seen, else `level`.
    """
    level = np.diag(1 / LEVEL_SIGMA**2)
    axis, upright = _body_axes(joints)
    up, weight = CAMERA_UP, np.zeros(len(axis))
    for limit in (50, 30, 25, 20, 20):
        off = np.arccos(np.clip(axis @ up, -1, 1)) if len(axis) else np.zeros(0)
        huber = 1 / np.maximum(off / np.deg2rad(4), 1)
        weight = seconds * upright * huber * (off < np.deg2rad(limit))
        if weight.sum() < 0.3:
            return Vertical(CAMERA_UP, level, "level")
        up = weight @ axis
        up = up / np.linalg.norm(up)
    seen = weight.sum() / (weight.sum() + 0.5)
    bodies = np.diag(seen / BODY_SIGMA**2)
    prior = _offset(up, CAMERA_UP)
    precision = bodies + level
    return Vertical(_turned(up, np.linalg.solve(precision, level @ prior)), precision, "bodies")


def _body_axes(joints: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From mid-ankle to neck, and whether the legs are straight and in line with the trunk."""
    hips, ankles = joints[:, 1:3].mean(1), joints[:, 7:9].mean(1)

    def unit(v: NDArray[np.float64]) -> NDArray[np.float64]:
        return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)

    thighs, shins = unit(joints[:, 1:3] - joints[:, 4:6]), unit(joints[:, 4:6] - joints[:, 7:9])
    straight = ((thighs * shins).sum(-1) > np.cos(np.deg2rad(40))).all(1)
    trunk, legs = unit(joints[:, 12] - hips), unit(hips - ankles)
    aligned = (trunk * legs).sum(-1) > np.cos(np.deg2rad(25))
    return unit(joints[:, 12] - ankles), (straight & aligned).astype(np.float64)


def _offset(up: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([other @ d for d in directions(up)]) / max(other @ up, 0.2)


def _turned(up: NDArray[np.float64], offset: NDArray[np.float64]) -> NDArray[np.float64]:
    forward, right = directions(up)
    turned = up + offset[0] * forward + offset[1] * right
    return turned / np.linalg.norm(turned)


def with_floor(
    prior: Vertical,
    up: NDArray[np.float64],
    feet: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> Vertical:
    """Refine up by a plane through stance feet: one slope for the shot, one height for each person.

    Least squares with a robust (Cauchy) weight, the prior as further measurements. Directions along which the feet
    cover less than `MIN_SPREAD_M` keep the prior.

    Args:
        prior: what is known without the floor.
        up: `[3]`, where to start from.
        feet: for each person the feet on the floor `[M,3]`, camera axes, and the seconds `[M]` each stands for.
    """
    feet = [(points, seconds) for points, seconds in feet if len(points) >= 3]
    if prior.source == "user" or not feet:
        return prior
    source = prior.source
    for _ in range(5):
        basis = np.stack([*directions(up), up], axis=1)
        normal = np.zeros((2, 2))
        right_side = np.zeros(2)
        spreads = []
        for points, seconds in feet:
            local = points @ basis
            weight = seconds / STANCE_S / FOOT_SIGMA_M**2
            height = local[:, 2] - np.median(local[:, 2])
            weight = weight / (1 + (height / (2 * FOOT_SIGMA_M)) ** 2)
            centred = local - weight @ local / weight.sum()
            normal += (centred[:, :2] * weight[:, None]).T @ centred[:, :2]
            right_side -= (centred[:, :2] * weight[:, None]).T @ centred[:, 2]
            spreads.append(local[:, :2] - np.median(local[:, :2], axis=0))
        axes = np.linalg.eigh(np.cov(np.concatenate(spreads).T))[1]
        spread = np.max([np.ptp(np.quantile(s @ axes, [0.03, 0.97], axis=0), axis=0) for s in spreads], axis=0)
        keep = axes * (spread > MIN_SPREAD_M) @ axes.T
        normal, right_side = keep @ normal @ keep, keep @ right_side
        precision = normal + prior.precision
        # The floor falls where its height grows along a direction: up leans against the slope.
        step = np.linalg.solve(precision, right_side + prior.precision @ _offset(up, prior.up))
        up = _turned(up, step)
        source = "feet" if np.trace(np.linalg.solve(precision, normal)) > 1 else prior.source
    return Vertical(up, precision, source)
