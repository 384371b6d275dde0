"""A camera that is carried about: where it goes is told by the people before it.

The background tells how such a camera turns, not where it goes, and a body alone tells where it walks. So the network's
path, in the axes that the turning gives, is the person's, and what is left of what the camera saw is its own way.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.banded import smooth
from ...geometry.feet import find_soles
from ...records.camera import WorldFrame
from ...records.motion import PoseEstimate, WorldMotion
from ...records.video import Video
from .fusion import fuse
from .person import Person
from .prior import Prior

Array = NDArray[np.float64]
_CALM_S = 0.8
"""The camera's way is smoothed with this period: distances along the viewing ray are told badly from frame to frame."""
_HEIGHT_S = 0.3
_UNSEEN = 1e-3


@dataclass(frozen=True)
class CameraCue:
    """What one person says of a carried camera's path, N frames.

    Attributes:
        frames: int `[N]`, clip frames.
        path: `[N,3]`, regenerated path of the pelvis, world axes, metres, from any place, y over the floor.
        arm: `[N,3]`, from the camera to the pelvis as observed, world axes, metres.
        confidence: `[N]`, 0..1.
    """

    frames: NDArray[np.int64]
    path: Array
    arm: Array
    confidence: Array


def camera_path(people: list[CameraCue], start: Array, frames: NDArray[np.int64], time_s: Array) -> Array:
    """The places `[T,3]` of a shot's camera in the world, metres.

    Each person says how the camera moved from frame to frame: their path less the arm from the camera to them. What
    they say is averaged by how well they are seen, added up and smoothed; where nobody is there the camera stays. Its
    height is the one at which people are, in the median, as high as their paths have them.

    Args:
        people: of the shot; at least one.
        start: `[3]`, x and z where it stands in the first frame.
        frames: int `[T]`, clip frames of the shot, consecutive.
        time_s: `[T]`, their time stamps.
    """
    steps, weight, sure = np.zeros((len(frames), 3)), np.zeros((len(frames), 1)), np.zeros(len(frames))
    for person in people:
        row, told = person.frames - frames[0], np.maximum(person.confidence, _UNSEEN)
        both = (np.minimum(told[1:], told[:-1]) * (np.diff(row) == 1))[:, None]
        steps[row[1:]] += both * np.diff(person.path - person.arm, axis=0)
        weight[row[1:]] += both
        sure[row] = np.maximum(sure[row], told)
    way = np.cumsum(steps / np.maximum(weight, 1e-9), axis=0)
    way = smooth(time_s, way, _CALM_S, np.maximum(sure, _UNSEEN))
    way += start - way[0]
    heights = [(person.path - person.arm - way[person.frames - frames[0]])[:, 1] for person in people]
    way[:, 1] += np.median(np.concatenate(heights))
    return way


def follow_people(
    people: list[tuple[Person, PoseEstimate, Prior]],
    frames: NDArray[np.int64],
    video: Video,
    world: WorldFrame,
    body: Body,
) -> tuple[WorldFrame, list[Person]]:
    """Put a carried camera on its way.

    Args:
        people: of its shot, with what the camera saw of them and what their bodies' motion tells.
        frames: clip frames of the shot.
        video: gives their time stamps.
        world: the camera as the world stage put it; its turning and the place where it begins stay.
        body: `body.Body`.

    Returns:
        The camera, and the people in the order given, where it saw them from there.
    """
    seen = []
    for person, estimate, prior in people:
        there = person.moved_to(prior.path)
        level, sure = np.tile([1.0, 0.0, 0.0], (len(prior.path), 1)), np.ones(len(prior.path))
        own = fuse(
            prior.path, prior.path, sure, prior.sigma_v, level, person.time_s, _HEIGHT_S, _HEIGHT_S, there.floor()
        )
        seen.append(CameraCue(person.motion.frames, own, _arm(estimate, person.motion, world, body), person.confidence))
    position = world.cam_pos_world.copy()
    position[frames] = camera_path(seen, position[frames[0]], frames, video.time_s[frames])
    moved = [person.moved_to(own.arm + position[own.frames]) for (person, _, _), own in zip(people, seen, strict=True)]
    return replace(world, cam_pos_world=position), moved


def _arm(estimate: PoseEstimate, motion: WorldMotion, world: WorldFrame, body: Body) -> Array:
    """From the camera to the pelvis `[N,3]`, world axes, for the size that the person was given in the world."""
    told, given = (find_soles(body, betas).joints for betas in (estimate.betas, motion.betas))
    size = np.linalg.norm(given[4] - given[7]) / np.linalg.norm(told[4] - told[7])
    arm = size * (estimate.transl + told[0])
    return np.einsum("nij,nj->ni", world.R_cam_to_world[motion.frames], arm)
