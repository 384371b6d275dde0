"""What the simulated body is driven along: a smoothed motion as splines, read at the simulation's steps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from ...records.motion import WorldMotion
from ..foot_lock.smoothing import smooth_motion

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Targets:
    """Reference states at K times.

    Attributes:
        pelvis: `[K,3]`, metres; velocity: `[K,3]`, metres per second; both world.
        quaternions: `[K,22,4]`, w x y z, pelvis to world, then local rotations.
        spin: `[K,22,3]`, rad/s, in the frame of the turning body.
    """

    pelvis: Array
    velocity: Array
    quaternions: Array
    spin: Array


class Reference:
    """A stretch of a motion as a continuous curve.

    Args:
        motion: N frames, N >= 2.
        time_s: `[N]`, rising.
        smoothing_s: see `PhysicsSettings`.
        pelvis: `[3]`, rest pelvis.
    """

    def __init__(self, motion: WorldMotion, time_s: Array, smoothing_s: float, pelvis: Array) -> None:
        calm = smooth_motion(motion, time_s, smoothing_s, pelvis)
        local = np.concatenate([calm.global_orient[:, None], calm.body_pose], axis=1)
        quaternions = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_quat().reshape(*local.shape[:2], 4)
        quaternions = quaternions[..., [3, 0, 1, 2]]
        flips = np.where((quaternions[1:] * quaternions[:-1]).sum(-1) < 0, -1.0, 1.0)
        quaternions[1:] *= np.cumprod(flips, axis=0)[..., None]
        self.time_s = time_s
        self._pelvis = CubicSpline(time_s, calm.transl + pelvis, axis=0)
        self._turn = CubicSpline(time_s, quaternions, axis=0)

    def at(self, time_s: Array) -> Targets:
        """Targets at times `[K]` within the stretch."""
        raw, rate = self._turn(time_s), self._turn(time_s, 1)
        size = np.linalg.norm(raw, axis=-1, keepdims=True)
        q = raw / size
        w, v = q[..., :1], q[..., 1:]
        dw, dv = rate[..., :1] / size, rate[..., 1:] / size
        # 2 conj(q) dq/dt, vector part: the angular velocity in the body's frame.
        spin = 2 * (w * dv - dw * v - np.cross(v, dv))
        return Targets(self._pelvis(time_s), self._pelvis(time_s, 1), q, spin)
