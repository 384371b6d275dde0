"""A walking figure whose truth is known exactly: planar legs over footsteps, flat feet, y up, floor at y = 0."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inference_backend.body.body import Body
from inference_backend.geometry.feet import find_soles
from inference_backend.records.camera import Camera
from inference_backend.records.motion import PoseEstimate, WorldMotion
from inference_backend.records.video import Shots, Video


@dataclass(frozen=True)
class Walk:
    video: Video
    motion: WorldMotion
    soles: object
    contact: np.ndarray

    def points(self, motion=None):
        """Heels and toes [N,4,3] of the walk, or of a changed motion."""
        return self.soles.of_motion(motion or self.motion)[:, :, :2].reshape(-1, 4, 3)


class Studio:
    """Makes walks, and films them."""

    def __init__(self, body):
        self.body = body

    def walk(self, seconds=6.0, speed=1.0, fps=30.0, heading=0.0, jump=0.0):
        """Walk for `seconds` from the origin; at speed 0 stand, and hop by `jump` metres half way."""
        time = np.arange(round(seconds * fps)) / fps
        soles = find_soles(self.body, np.zeros(10))
        J = soles.joints
        step_s, lift = 0.5, 0.12
        thigh, shin = np.linalg.norm(J[4] - J[1]), np.linalg.norm(J[7] - J[4])
        ankle_y = J[7, 1] - (soles.points[0, :, 1].min())
        hip_y = ankle_y + 0.9 * (thigh + shin)
        yaw = np.full(len(time), heading)
        path = (time * speed)[:, None] * [np.sin(heading), np.cos(heading)]
        local = np.tile(np.eye(3), (len(time), 22, 1, 1))
        local[:, 0] = Rotation.from_rotvec(yaw[:, None] * [0, 1, 0]).as_matrix()
        hop = np.zeros(len(time))
        if jump:
            flight = 2 * np.sqrt(2 * jump / 9.81)
            t = time - 0.5 * seconds
            hop = np.where(np.abs(t) < flight / 2, jump - 0.5 * 9.81 * t**2, 0)
        contact = np.zeros((len(time), 4), bool)
        for side in (0, 1):
            phase = time / step_s + side
            index, part = np.floor(phase / 2).astype(int), (phase % 2)
            # Two steps a cycle: on the floor during the first half, swinging during the second.
            swing = np.clip(part - 1, 0, 1) if speed else np.zeros(len(time))
            ease = swing * swing * (3 - 2 * swing)
            mid = (2 * index + 0.5 - side) * step_s
            along = (mid + ease * 2 * step_s) * speed - time * speed
            up = lift * np.sin(np.pi * swing) ** 2
            drop = np.sqrt(along**2 + (hip_y - ankle_y - up) ** 2)
            swing_angle = np.arctan2(along, hip_y - ankle_y - up)
            inner = np.arccos((thigh**2 + drop**2 - shin**2) / (2 * thigh * drop))
            knee = np.pi - np.arccos(np.clip((thigh**2 + shin**2 - drop**2) / (2 * thigh * shin), -1, 1))
            angles = (-(swing_angle + inner), knee, swing_angle + inner - knee)
            for joint, angle in zip((1 + side, 4 + side, 7 + side), angles, strict=True):
                local[:, joint] = Rotation.from_rotvec(angle[:, None] * [1, 0, 0]).as_matrix()
            contact[:, 2 * side : 2 * side + 2] = ((swing == 0) & (hop == 0))[:, None]
        # The legs hang from the hips, which are beside and behind the pelvis.
        hips = 0.5 * (J[1] + J[2]) - J[0]
        centre = np.stack([path[:, 0], hip_y + hop, path[:, 1]], 1)
        transl = centre - np.einsum("tij,j->ti", local[:, 0], hips) - J[0]
        motion = WorldMotion(
            0,
            0,
            np.arange(len(time)),
            np.ones(len(time), bool),
            np.zeros(10),
            local[:, 0],
            local[:, 1:],
            transl,
            np.ones((len(time), 22), np.float32),
        )
        video = Video(Path("walk.mp4"), fps, (1280, 720), time, np.arange(len(time)))
        return Walk(video, motion, soles, contact)

    @staticmethod
    def camera(count, focal=1000.0):
        K = np.array([[focal, 0, 640], [0, focal, 360], [0, 0, 1.0]])
        return Camera(np.tile(K, (count, 1, 1)), np.zeros(5), ("user",))

    @staticmethod
    def one_shot(count):
        return Shots(np.zeros(count, np.int64), np.zeros(count, bool))

    @staticmethod
    def rotation(tilt_deg, roll_deg=0.0):
        """World (y up) to the axes of a camera that looks towards -z, down by tilt, rolled clockwise."""
        level = np.diag([1.0, -1.0, -1.0])
        tilt = Rotation.from_euler("x", tilt_deg, degrees=True).as_matrix()
        roll = Rotation.from_euler("z", -roll_deg, degrees=True).as_matrix()
        return roll @ tilt @ level

    def film(self, walk, eye, tilt_deg, roll_deg=0.0, person_id=0):
        """The motion as an estimate in the axes of a camera at `eye`."""
        R = self.rotation(tilt_deg, roll_deg)
        motion, J0 = walk.motion, walk.soles.joints[0]
        pelvis = (motion.transl + J0 - eye) @ R.T
        count = len(motion.frames)
        return PoseEstimate(
            person_id,
            0,
            motion.frames,
            "truth",
            motion.valid,
            motion.betas,
            R @ motion.global_orient,
            motion.body_pose,
            pelvis - J0,
            motion.confidence,
            np.full(count, 0.1, np.float32),
            np.full(count, 0.01, np.float32),
        )

    @staticmethod
    def shorter(record, count):
        """The first `count` frames of a motion."""
        cut = {
            name: value[:count]
            for name, value in vars(record).items()
            if isinstance(value, np.ndarray) and name != "betas"
        }
        return replace(record, **cut)


@pytest.fixture(scope="session")
def studio():
    return Studio(Body.load())
