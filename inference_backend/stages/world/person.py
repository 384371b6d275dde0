"""A person in a camera's axes: what the floor and the path are found from, and how they are brought into others."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.banded import smooth
from ...geometry.feet import Soles, find_soles
from ...geometry.forward_kinematics import pose_joints
from ...geometry.stature import resized
from ...records.camera import Camera
from ...records.motion import PoseEstimate, WorldMotion
from ...records.video import Video


@dataclass(frozen=True)
class Person:
    """One person in camera axes, metres, in N frames.

    Attributes:
        motion: as estimated.
        soles: of their body.
        joints: `[N,22,3]`.
        offset: `[N,4,3]` from the pelvis to heels and toes (`skeleton.CONTACT_POINTS`).
        time_s: `[N]`, seconds.
        confidence: `[N]`, how well the hips are seen, 0 where the motion is not supported.
        feet_seen: `[N,2]`, the same of the left and the right ankle.
        camera: `[N,3]`, the camera's place in the same axes: 0, unless it is carried about.
    """

    motion: PoseEstimate
    soles: Soles
    joints: NDArray[np.float64]
    offset: NDArray[np.float64]
    time_s: NDArray[np.float64]
    confidence: NDArray[np.float64]
    feet_seen: NDArray[np.float64]
    camera: NDArray[np.float64]

    @property
    def clearance(self) -> NDArray[np.float64]:
        """Height `[4]` of heels and toes over the floor when they stand on it, metres."""
        return self.soles.clearance[:, :2].ravel()


def person_of(motion: PoseEstimate, body: Body, video: Video) -> Person:
    """The person of a motion in camera axes."""
    soles = find_soles(body, motion.betas)
    joints, rotations = pose_joints(soles.joints, motion.global_orient, motion.body_pose, motion.transl)
    points = soles.heels_and_toes(joints, rotations)
    seen = motion.valid * motion.confidence[:, [0, 1, 2]].mean(1)
    return Person(
        motion,
        soles,
        joints,
        points - joints[:, :1],
        video.time_s[motion.frames],
        seen.astype(np.float64),
        (motion.valid[:, None] * motion.confidence[:, [7, 8]]).astype(np.float64),
        np.zeros((len(motion.frames), 3)),
    )


def as_from_first_frame(motion: PoseEstimate, camera: Camera, body: Body) -> PoseEstimate:
    """The motion in the axes that the camera had in the shot's first frame."""
    turn = camera.turn_of(motion.frames)
    if turn is None:
        return motion
    rest = find_soles(body, motion.betas).joints[0]
    pelvis = np.einsum("nij,nj->ni", turn, motion.transl + rest)
    return replace(motion, global_orient=turn @ motion.global_orient, transl=pelvis - rest)


def carried_along(person: Person, path: NDArray[np.float64], body: Body, video: Video) -> Person:
    """The person in axes that stay where the camera was at first; `path [N,3]` of the camera in their frames."""
    moved = person_of(replace(person.motion, transl=person.motion.transl + path), body, video)
    return replace(moved, camera=path)


def grown(person: Person, scale: float, body: Body, video: Video) -> tuple[Person, float]:
    """A person of another size, who looks the same from the camera; and the scale that their body could take."""
    betas, scale = resized(body, person.motion.betas, scale)
    sized = person_of(replace(person.motion, betas=betas), body, video)
    pelvis = person.camera + scale * (person.joints[:, 0] - person.camera)
    moved = person_of(replace(sized.motion, transl=pelvis - sized.soles.joints[0]), body, video)
    return replace(moved, camera=person.camera), scale


def calm(person: Person) -> NDArray[np.float64]:
    """Weight `[N]` of a body's axis as a plumb line: who runs leans, and has both feet behind or before them."""
    if len(person.time_s) < 2:
        return np.ones(len(person.time_s))
    path = smooth(person.time_s, person.joints[:, 0], 1.0)
    return 1 / (1 + (np.gradient(path, person.time_s, axis=0) ** 2).sum(1))


def to_world(person: Person, rotation: NDArray[np.float64], pelvis: NDArray[np.float64]) -> WorldMotion:
    """The motion in the world: `rotation [3,3]` of camera axes to it, `pelvis [N,3]` there."""
    motion = person.motion
    return WorldMotion(
        motion.person_id,
        motion.shot,
        motion.frames,
        motion.valid,
        motion.betas,
        rotation @ motion.global_orient,
        motion.body_pose,
        pelvis - person.soles.joints[0],
        motion.confidence,
    )
