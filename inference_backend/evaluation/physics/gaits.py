"""Motions that a formula makes, to try the simulated body on: squats, steps on the spot, walks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from ...geometry.feet import Soles
from ...records.motion import WorldMotion

Array = NDArray[np.float64]
FPS = 30.0
STEP_S = 0.5
NOISE_FRAMES = 3.0
"""Standard deviation of the bell by which noise is smoothed, frames."""


@dataclass(frozen=True)
class Gait:
    """A motion of N frames on the floor y = 0, and which heels and toes stand, bool `[N,4]`."""

    motion: WorldMotion
    time_s: Array
    contact: NDArray[np.bool_]


def _pose_legs(soles: Soles, path: Array, hip_height: Array, feet: Array) -> tuple[Array, Array]:
    """Local rotations `[N,22,3,3]` and transl `[N,3]` of an upright body whose flat feet are where they are told.

    Args:
        soles: rest geometry; left and right legs are taken to be alike.
        path: `[N]`, metres along z of the hips.
        hip_height: `[N]`, metres.
        feet: `[N,2,2]`, z and height of each ankle over where it is when its foot is flat on the floor.
    """
    J = soles.joints
    thigh, shin = np.linalg.norm(J[4] - J[1]), np.linalg.norm(J[7] - J[4])
    count = len(path)
    turn = np.zeros((count, 22, 3))
    flat = Rotation.from_matrix(soles.flat[0]).as_rotvec()[0]
    for side in (0, 1):
        # The rest-pose foot need not be flat, nor the leg straight down: angles are relative to the rest bones.
        rest = [
            np.arctan2(-(J[b] - J[a])[2], -(J[b] - J[a])[1]) for a, b in ((1 + side, 4 + side), (4 + side, 7 + side))
        ]
        ankle = (J[7 + side] @ soles.flat[side].T)[1] - (soles.points[side] @ soles.flat[side].T)[:, 1].min()
        down = hip_height - ankle - feet[:, side, 1]
        ahead = feet[:, side, 0] - path
        reach = np.minimum(np.hypot(down, ahead), 0.999 * (thigh + shin))
        line = np.arctan2(-ahead, down)
        inner = np.arccos(np.clip((thigh**2 + reach**2 - shin**2) / (2 * thigh * reach), -1, 1))
        outer = np.arccos(np.clip((shin**2 + reach**2 - thigh**2) / (2 * shin * reach), -1, 1))
        hip = line - inner - rest[0]
        knee = line + outer - rest[1] - hip
        turn[:, 1 + side, 0], turn[:, 4 + side, 0] = hip, knee
        turn[:, 7 + side, 0] = flat - hip - knee
    local = Rotation.from_rotvec(turn.reshape(-1, 3)).as_matrix().reshape(count, 22, 3, 3)
    hips = 0.5 * (J[1] + J[2])
    centre = np.stack([np.zeros(count), hip_height, path], axis=1)
    return local, centre - hips


def _motion(local: Array, transl: Array) -> WorldMotion:
    count = len(transl)
    return WorldMotion(
        0,
        0,
        np.arange(count),
        np.ones(count, bool),
        np.zeros(10),
        local[:, 0],
        local[:, 1:],
        transl,
        np.ones((count, 22), np.float32),
    )


def _leg(soles: Soles) -> float:
    J = soles.joints
    ankle = (J[7] @ soles.flat[0].T)[1] - (soles.points[0] @ soles.flat[0].T)[:, 1].min()
    return float(np.linalg.norm(J[4] - J[1]) + np.linalg.norm(J[7] - J[4]) + ankle)


def stand(soles: Soles, seconds: float) -> Gait:
    """Stand still with slightly bent knees."""
    return squat(soles, seconds, depth=0.0)


def squat(soles: Soles, seconds: float, depth: float = 0.3) -> Gait:
    """Go down by `depth` metres and up again every two seconds."""
    time = np.arange(round(seconds * FPS)) / FPS
    height = 0.96 * _leg(soles) - 0.5 * depth * (1 - np.cos(np.pi * time))
    feet = np.zeros((len(time), 2, 2))
    local, transl = _pose_legs(soles, np.full(len(time), -0.4 * depth) * (1 - np.cos(np.pi * time)) / 2, height, feet)
    return Gait(_motion(local, transl), time, np.ones((len(time), 4), bool))


def walk(soles: Soles, seconds: float, speed: float = 1.0, lift: float = 0.12) -> Gait:
    """Walk along z with flat feet, two steps a second; at speed 0 step on the spot."""
    time = np.arange(round(seconds * FPS)) / FPS
    feet = np.zeros((len(time), 2, 2))
    contact = np.zeros((len(time), 4), bool)
    for side in (0, 1):
        phase = time / STEP_S + side
        index, part = np.floor(phase / 2), phase % 2
        swing = np.clip(part - 1, 0, 1)
        ease = swing * swing * (3 - 2 * swing)
        feet[:, side, 0] = ((2 * index + 0.5 - side) * STEP_S + ease * 2 * STEP_S) * speed
        feet[:, side, 1] = lift * np.sin(np.pi * swing) ** 2
        contact[:, 2 * side : 2 * side + 2] = (swing == 0)[:, None]
    local, transl = _pose_legs(soles, time * speed, np.full(len(time), 0.92 * _leg(soles)), feet)
    return Gait(_motion(local, transl), time, contact)


def disturbed(gait: Gait, seed: int, *, pelvis_m: float = 0.03, joints_rad: float = 0.0, stretch: float = 1.0) -> Gait:
    """A gait as an estimator might see it: slow noise on the pelvis, noise on joints, a path that is too long."""
    rng = np.random.default_rng(seed)
    count = len(gait.time_s)

    def slow(columns: int, frames: float) -> Array:
        values = gaussian_filter1d(rng.normal(size=(count + 200, columns)), frames, axis=0)[100:-100]
        return values / max(values.std(), 1e-9)

    motion = gait.motion
    start = motion.transl[0, 2]
    transl = motion.transl + pelvis_m * slow(3, NOISE_FRAMES)
    transl[:, 2] += (stretch - 1) * (motion.transl[:, 2] - start)
    shake = Rotation.from_rotvec(joints_rad * slow(63, NOISE_FRAMES).reshape(-1, 3))
    pose = motion.body_pose @ shake.as_matrix().reshape(count, 21, 3, 3)
    return replace(gait, motion=replace(motion, transl=transl, body_pose=pose))
