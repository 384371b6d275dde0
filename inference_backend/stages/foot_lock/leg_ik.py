"""Two-bone inverse kinematics of the leg: hip and ankle given, the knee's plane kept."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

SOFT = 0.004
"""The last part of the leg's length, relative, in which a knee straightens ever more slowly, so that it never pops."""
FOLDED_RAD = np.deg2rad(25.0)
"""The smallest angle between thigh and shin that the solver makes by itself."""
STRAIGHT_M = 0.02
"""A knee nearer than this to the line from hip to ankle has no plane of its own; as it bends, it bends forward."""


@dataclass(frozen=True)
class Leg:
    """A posed leg, M of them: joint positions `[M,3]` in metres and global rotations `[M,3,3]` of thigh and shin."""

    hip: NDArray[np.float64]
    knee: NDArray[np.float64]
    ankle: NDArray[np.float64]
    thigh: NDArray[np.float64]
    shin: NDArray[np.float64]


def turn_between(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest rotations `[M,3,3]` that turn directions `a` into `b`, both `[M,3]`, of any length."""
    a = a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-12)
    b = b / np.maximum(np.linalg.norm(b, axis=-1, keepdims=True), 1e-12)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (a * b).sum(-1, keepdims=True))
    # Opposite directions have no smallest rotation; any axis across them will do.
    spare = np.cross(a, np.eye(3)[np.abs(a).argmin(-1)])
    axis = np.where(sine > 1e-9, axis, spare)
    axis = axis / np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-12)
    return Rotation.from_rotvec(axis * angle).as_matrix()


def reach(
    distance: NDArray[np.float64], now: NDArray[np.float64], thigh_m: NDArray[np.float64], shin_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far a leg goes towards a wanted hip-ankle distance, all `[M]`, metres.

    A distance inside the leg's range is met exactly. Near full extension the leg approaches its length
    asymptotically from where it is `now`, and a leg that is already straighter is not bent by the limit.
    """
    full = thigh_m + shin_m
    begin = np.maximum(now, (1 - SOFT) * full)
    room = np.maximum(full * (1 - 1e-6) - begin, 1e-9)
    over = np.maximum(distance - begin, 0)
    far = np.minimum(distance, begin) + room * -np.expm1(-over / room)
    folded = np.sqrt(thigh_m**2 + shin_m**2 - 2 * thigh_m * shin_m * np.cos(FOLDED_RAD))
    return np.maximum(far, np.minimum(folded, now))


def solve(leg: Leg, hip: NDArray[np.float64], ankle: NDArray[np.float64]) -> Leg:
    """Move a leg's hip and ankle.

    The whole leg is swung by the smallest rotation that turns the old hip-ankle line into the new one, then the knee
    is opened or closed in the plane that it bends in.

    Args:
        leg: as it is, M legs.
        hip: `[M,3]`, new hip positions.
        ankle: `[M,3]`, wanted ankle positions; out of reach, the leg points at them (`reach`).
    """
    old, new = leg.ankle - leg.hip, ankle - hip
    old_m, new_m = np.linalg.norm(old, axis=-1), np.linalg.norm(new, axis=-1)
    thigh_m = np.linalg.norm(leg.knee - leg.hip, axis=-1)
    shin_m = np.linalg.norm(leg.ankle - leg.knee, axis=-1)
    length = reach(new_m, old_m, thigh_m, shin_m)
    line = new / np.maximum(new_m, 1e-9)[:, None]
    swing = turn_between(old, new)

    def across(v: NDArray[np.float64]) -> NDArray[np.float64]:
        return v - (v * line).sum(-1, keepdims=True) * line

    along = (length**2 + thigh_m**2 - shin_m**2) / (2 * np.maximum(length, 1e-9))
    height = np.sqrt(np.maximum(thigh_m**2 - along**2, 0))[:, None]
    bend = across(_apply(swing, leg.knee - leg.hip))
    depth = np.linalg.norm(bend, axis=-1, keepdims=True)
    front = across(_apply(swing, leg.thigh[..., 2]))
    front = front / np.maximum(np.linalg.norm(front, axis=-1, keepdims=True), 1e-9)
    bend = bend + front * np.maximum(height - depth, 0) * np.exp(-((depth / STRAIGHT_M) ** 2))
    bend = bend / np.maximum(np.linalg.norm(bend, axis=-1, keepdims=True), 1e-9)
    knee = hip + along[:, None] * line + height * bend
    ankle = hip + length[:, None] * line
    thigh = turn_between(_apply(swing, leg.knee - leg.hip), knee - hip) @ swing @ leg.thigh
    shin = turn_between(_apply(swing, leg.ankle - leg.knee), ankle - knee) @ swing @ leg.shin
    return Leg(hip, knee, ankle, thigh, shin)


def _apply(rotation: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.einsum("mij,mj->mi", rotation, v)
