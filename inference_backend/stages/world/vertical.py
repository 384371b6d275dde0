"""Which way is up, in a still camera's axes: from upright bodies, then from the floor under stance feet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CAMERA_UP = np.array([0.0, -1.0, 0.0])
LEVEL_SIGMA = np.deg2rad([25.0, 4.0])
"""What is known of a camera before anybody is seen: standard deviations of tilt and roll."""
BODY_SIGMA = np.deg2rad([5.0, 1.5])
"""How far the mean axis of upright bodies may be off: lean towards the camera is badly seen, lean sideways well."""
MIN_SEEN_S = 0.15
"""Seconds of people on their feet below which nothing is concluded."""
TRUNK_SIGMA = np.deg2rad([12.0, 6.0])
"""The same for the trunks of people who sit; used where nobody stands."""
FOOT_SIGMA_M, DEPTH_SIGMA, STANCE_S = 0.025, 0.015, 0.8
"""Height error of a foot on the floor: metres, and a share of the distance, which counts as far as the ray falls; and
for how long the error stays the same."""
_MASS = np.array([11, 14, 14, 7, 4.3, 4.3, 7, 1.4, 1.4, 10, 0, 0, 1.5, 3, 3, 5.5, 2.7, 2.7, 1.6, 1.6, 0.6, 0.6])
"""Share of the body's mass of the segment that begins at each of the 22 joints, percent."""
_HALF_WAY = {0: 3, 1: 4, 2: 5, 3: 6, 4: 7, 5: 8, 6: 9, 9: 12, 16: 18, 17: 19, 18: 20, 19: 21}
"""Joint at which a segment ends; its mass lies half way. Others are taken at their beginning."""
_MASS_AT_JOINTS = np.zeros(22)
for _joint, _mass in enumerate(_MASS / _MASS.sum()):
    _MASS_AT_JOINTS[_joint] += 0.5 * _mass
    _MASS_AT_JOINTS[_HALF_WAY.get(_joint, _joint)] += 0.5 * _mass
STRAIGHT, LEVEL_FEET_M = np.deg2rad(20.0), 0.15
"""Angle between trunk and legs, and difference in height of the feet, at which a body is half as good a plumb line: who
bends or balances on one leg stands in line with neither."""
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
    ahead = np.array([0.0, 0.0, 1.0]) if abs(up[2]) < 0.999 else -np.sign(up[2]) * CAMERA_UP
    forward = ahead - (ahead @ up) * up
    forward /= np.linalg.norm(forward)
    return forward, np.cross(forward, up)


def camera_to_world(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation `[3,3]` of camera axes to those of the world: y up, the camera looks towards -z."""
    forward, right = directions(up)
    return np.stack([right, up, -forward])


def from_angles(tilt_deg: float, roll_deg: float) -> Vertical:
    """Up of a camera that looks down by `tilt_deg` and is rolled clockwise by `roll_deg`."""
    tilt, roll = np.deg2rad([tilt_deg, roll_deg])
    level = np.array([0.0, -np.cos(tilt), -np.sin(tilt)])
    c, s = np.cos(roll), np.sin(roll)
    up = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) @ level
    return Vertical(up, np.eye(2) * 1e8, "user")


def from_bodies(joints: NDArray[np.float64], seconds: NDArray[np.float64]) -> Vertical:
    """Up as the common axis of people who balance on their feet, or else of the trunks of people who sit.

    Args:
        joints: `[M,22,3]`, camera axes, usable frames of all people of the shot.
        seconds: `[M]`, weight: the time each frame stands for times how well it is seen.

    Returns:
        `bodies` where that was seen for long enough, else `level`.
    """
    level = np.diag(1 / LEVEL_SIGMA**2)
    trunk = joints[:, 12] - joints[:, 0]
    trunk = trunk / np.maximum(np.linalg.norm(trunk, axis=-1, keepdims=True), 1e-9)
    for axis, usable, sigma in ((*_balance_axes(joints), BODY_SIGMA), (trunk, np.ones(len(trunk)), TRUNK_SIGMA)):
        up, weight = _common_axis(axis, seconds * usable)
        if weight > 0:
            precision = np.diag(weight / (weight + 0.5) / sigma**2) + level
            turn = np.linalg.solve(precision, level @ _offset(up, CAMERA_UP))
            return Vertical(_turned(up, turn), precision, "bodies")
    return Vertical(CAMERA_UP, level, "level")


def _common_axis(axis: NDArray[np.float64], seconds: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Robust mean `[3]` of unit axes `[M,3]` within ever narrower cones, and the seconds that agree with it."""
    up, weight = CAMERA_UP, np.zeros(len(axis))
    for limit in (60, 40, 25, 20, 20):
        off = np.arccos(np.clip(axis @ up, -1, 1))
        near = seconds * (off < np.deg2rad(limit))
        if near.sum() < MIN_SEEN_S:
            return up, 0.0
        weight = near / np.maximum(off / np.deg2rad(4), 1)
        up = weight @ axis
        up = up / np.linalg.norm(up)
    return up, float(weight.sum())


def _balance_axes(joints: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From the middle of the feet to the centre of mass (a balanced body keeps it above them, crouched or not), and
    how good a plumb line that is, 0..1: 0 with legs folded or not in line with the trunk, as sitting people's are."""
    centre = np.einsum("j,mji->mi", _MASS_AT_JOINTS, joints)
    feet = joints[:, [7, 8, 10, 11]].mean(1)
    axis = centre - feet
    axis = axis / np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-9)
    hips, knees, ankles = joints[:, 1:3], joints[:, 4:6], joints[:, 7:9]
    reach = np.linalg.norm(hips - knees, axis=-1) + np.linalg.norm(knees - ankles, axis=-1)
    unfolded = (np.linalg.norm(hips - ankles, axis=-1) > 0.78 * reach).any(1)
    trunk, legs = joints[:, 12] - joints[:, 0], hips.mean(1) - ankles.mean(1)
    cosine = (trunk * legs).sum(-1) / np.maximum(np.linalg.norm(trunk, axis=-1) * np.linalg.norm(legs, axis=-1), 1e-9)
    stands = unfolded & (cosine > np.cos(np.deg2rad(40)))
    bent = np.arccos(np.clip(cosine, -1, 1)) / STRAIGHT
    lifted = ((ankles[:, 0] - ankles[:, 1]) * axis).sum(-1) / LEVEL_FEET_M
    return axis, stands / ((1 + bent**4) * (1 + lifted**4))


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
            height = local[:, 2] - np.median(local[:, 2])
            variance = FOOT_SIGMA_M**2 + (DEPTH_SIGMA * local[:, 2]) ** 2
            weight = seconds / STANCE_S / (variance + 0.25 * height**2)
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
