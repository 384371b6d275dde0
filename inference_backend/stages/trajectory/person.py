"""What a path is regenerated and tied down from: one person's body and feet in the world."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.feet import Soles, find_soles
from ...geometry.forward_kinematics import pose_joints
from ...records.motion import PoseEstimate, WorldMotion
from ...records.video import Video
from ..contacts.detect import detect
from ..contacts.settings import ContactSettings
from .fusion import Floor
from .settings import TrajectorySettings
from .trigger import confidence_of, triggered

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Person:
    """One person, N source frames.

    Attributes:
        motion: theirs.
        time_s: `[N]`.
        soles: of their body.
        joints: `[N,22,3]`, world, metres.
        feet: `[N,4,3]`, heels and toes.
        contact: bool `[N,4]`, which of them stand.
        confidence: `[N]`, 0..1, how well their place is seen.
        regenerate: bool `[N]`, frames whose path is to be regenerated.
    """

    motion: WorldMotion
    time_s: Array
    soles: Soles
    joints: Array
    feet: Array
    contact: NDArray[np.bool_]
    confidence: Array
    regenerate: NDArray[np.bool_]

    @property
    def clearance(self) -> Array:
        """`[4]`, how high heels and toes are while they stand."""
        return self.soles.clearance[:, :2].ravel()

    def floor(self) -> Floor:
        """What the feet that stand say of the pelvis' height."""
        count = self.contact.sum(1)
        rise = ((self.clearance - self.feet[..., 1]) * self.contact).sum(1) / np.maximum(count, 1)
        return Floor(self.joints[:, 0, 1] + rise, count > 0)

    def moved_to(self, path: Array) -> "Person":
        """The person on another path `[N,3]` of the pelvis, and what stands there."""
        shift = (path - self.joints[:, 0])[:, None]
        feet = self.feet + shift
        contact = detect(feet, self.clearance, self.time_s, self.motion.valid, ContactSettings())
        return replace(self, joints=self.joints + shift, feet=feet, contact=contact)


def person_of(
    video: Video, estimate: PoseEstimate, motion: WorldMotion, body: Body, settings: TrajectorySettings, always: bool
) -> Person:
    """A person in the world, as observed.

    Args:
        video: gives the time stamp of each frame.
        estimate: for the certainty of its distance.
        motion: in the world, of two frames or more.
        body: `body.Body`.
        settings: when to regenerate.
        always: regenerate in any case.
    """
    time_s = video.time_s[motion.frames]
    soles = find_soles(body, motion.betas)
    joints, rotations = pose_joints(soles.joints, motion.global_orient, motion.body_pose, motion.transl)
    feet = soles.heels_and_toes(joints, rotations)
    contact = detect(feet, soles.clearance[:, :2].ravel(), time_s, motion.valid, ContactSettings())
    confidence = confidence_of(motion.valid, motion.confidence)
    wanted = triggered(confidence, estimate.depth_sigma, _slip(feet, contact, time_s), time_s, settings) | always
    wanted &= bool(motion.valid.any())  # else there is nothing to tie a path to
    return Person(motion, time_s, soles, joints, feet, contact, confidence, wanted)


def _slip(feet: Array, contact: NDArray[np.bool_], time_s: Array) -> Array:
    if len(feet) < 2:
        return np.zeros(len(feet))
    speed = np.linalg.norm(np.diff(feet[..., [0, 2]], axis=0), axis=-1) / np.maximum(np.diff(time_s), 1e-4)[:, None]
    both = contact[1:] & contact[:-1]
    mean = (speed * both).sum(1) / np.maximum(both.sum(1), 1)
    return np.concatenate([mean[:1], mean])
