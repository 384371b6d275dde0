"""What is wrong with feet on a floor: how they slide, sink and hover."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]
LOW_M = 0.02
"""A sole point below this height is taken to touch the floor."""


@dataclass(frozen=True)
class FootFaults:
    """Of each of N frames.

    Attributes:
        slip: `[N]`, mean horizontal speed of the points that touch, cm/s; 0 where none does.
        touches: `[N]`, number of points that touch.
        penetration: `[N]`, depth of the deepest point below the floor, cm.
        hover: `[N]`, height of the lowest point over the floor, cm; 0 where it touches.
    """

    slip: Array
    touches: NDArray[np.int64]
    penetration: Array
    hover: Array

    def mean_slip(self, rows: slice | NDArray[np.bool_] = slice(None)) -> float:
        """Mean over the points that touch, cm/s; 0 when none does."""
        touches = self.touches[rows]
        return float((self.slip[rows] * touches).sum() / max(touches.sum(), 1))

    def cost(self, rows: slice | NDArray[np.bool_]) -> float:
        """What the gate compares: mean slip in cm/s + mean penetration in cm."""
        return self.mean_slip(rows) + float(self.penetration[rows].mean()) if len(self.slip[rows]) else 0.0


def foot_faults(points: Array, time_s: Array, contact: NDArray[np.bool_] | None = None) -> FootFaults:
    """Measure feet.

    Args:
        points: `[N,K,3]`, sole points, metres, world, floor at y = 0.
        time_s: `[N]`.
        contact: bool `[N,K]`, which points stand; None: those below `LOW_M`. Only points that do so in the frame before
            too have a speed that counts.
    """
    touching = points[..., 1] < LOW_M if contact is None else contact
    speed = np.zeros(points.shape[:2])
    if len(points) > 1:
        step = np.diff(time_s)[:, None]
        speed[1:] = 100 * np.linalg.norm(np.diff(points[..., [0, 2]], axis=0), axis=-1) / step
    both = touching.copy()
    both[1:] &= touching[:-1]
    both[:1] = False
    count = both.sum(1)
    lowest = points[..., 1].min(1)
    return FootFaults(
        (speed * both).sum(1) / np.maximum(count, 1), count, 100 * np.maximum(-lowest, 0), 100 * np.maximum(lowest, 0)
    )


def joint_deviation(a: Array, b: Array) -> Array:
    """Mean angle `[N]`, degrees, between local rotations `[N,J,3,3]` and others."""
    turn = np.einsum("njki,njkl->njil", a, b).reshape(-1, 3, 3)
    return np.rad2deg(Rotation.from_matrix(turn).magnitude()).reshape(a.shape[:2]).mean(1)
