"""The world stage: people and one still camera a shot, on a floor at y = 0."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.banded import frame_seconds, smooth
from ...geometry.feet import Soles, find_soles
from ...geometry.forward_kinematics import pose_joints
from ...records.camera import Camera, WorldFrame
from ...records.context import StageContext
from ...records.motion import PoseEvidence, WorldMotion
from ...records.video import Shots, Video
from ..contacts.detect import detect
from ..contacts.settings import ContactSettings
from .path import Stance, fuse
from .settings import WorldSettings
from .vertical import Vertical, directions, from_angles, from_bodies, with_floor

DEFAULT_HEIGHT_M = 1.5
"""Camera height where nobody's feet tell one."""
_SAME_FLOOR = (0.75, 1.33)
"""Range of distances, relative, by which people are moved along their rays to stand on one floor."""
_STANCE = ContactSettings(height_m=0.045, keep_height_m=0.08, speed_mps=0.5, keep_speed_mps=0.9, floor_error_m=0.15)
"""Wider than for the result: what counts here is that no stance is missed."""
_STANCE_ON_A_SLOPE = replace(_STANCE, floor_error_m=2.0)
"""While the vertical is still wrong, the floor rises and falls under a person who walks."""


@dataclass(frozen=True)
class _Person:
    """One person in camera axes: what the floor and the path are found from."""

    motion: PoseEvidence
    soles: Soles
    joints: NDArray[np.float64]
    offset: NDArray[np.float64]
    time_s: NDArray[np.float64]
    confidence: NDArray[np.float64]
    feet_seen: NDArray[np.float64]

    @property
    def clearance(self) -> NDArray[np.float64]:
        return self.soles.clearance[:, :2].ravel()


def place_in_world(
    video: Video,
    shots: Shots,
    camera: Camera,
    motions: list[PoseEvidence],
    body: Body,
    settings: WorldSettings,
    ctx: StageContext,
) -> tuple[WorldFrame, list[WorldMotion]]:
    """Find the vertical and the floor of each shot and move its people there.

    The world: right-handed, metres, y up, floor y = 0; the origin is the floor point below the first person's pelvis
    at their first valid frame (without people: below the camera); the camera looks towards -z.

    Args:
        video: T clip frames.
        shots: which shot each belongs to.
        camera: gives T; its intrinsics are already in the motions.
        motions: people in camera axes, each in one shot.
        body: `body.Body`.
        settings: what the user knows of the camera; how paths are fused.
        ctx: progress; notes on guesses.

    Returns:
        The camera in the world for each clip frame, and the motions in the order given.
    """
    count = len(camera.K)
    rotation, position = np.zeros((count, 3, 3)), np.zeros((count, 3))
    placed: dict[int, WorldMotion] = {}
    found, sources = [], []
    for shot in range(shots.count):
        index = [i for i, motion in enumerate(motions) if motion.shot == shot and len(motion.frames)]
        people = [_person(motions[i], body, video) for i in index]
        result = _place_shot(people, settings, ctx, shot if shots.count > 1 else None)
        frames = shots.frames(shot)
        rotation[frames], position[frames] = result.rotation, result.position
        placed |= dict(zip(index, result.motions, strict=True))
        found.append(result.floor_found)
        sources.append(result.source)
        ctx.progress((shot + 1) / shots.count, int(frames[-1]) + 1)
    world = WorldFrame(rotation, position, tuple(found), tuple(sources))
    return world, [placed.get(i, _empty(motion)) for i, motion in enumerate(motions)]


def _person(motion: PoseEvidence, body: Body, video: Video) -> _Person:
    soles = find_soles(body, motion.betas)
    joints, rotations = pose_joints(soles.joints, motion.global_orient, motion.body_pose, motion.transl)
    points = soles.of(joints, rotations)[:, :, :2].reshape(-1, 4, 3)
    seen = motion.valid * motion.confidence[:, [0, 1, 2]].mean(1)
    return _Person(
        motion,
        soles,
        joints,
        points - joints[:, :1],
        video.time_s[motion.frames],
        seen.astype(np.float64),
        (motion.valid[:, None] * motion.confidence[:, [7, 8]]).astype(np.float64),
    )


@dataclass(frozen=True)
class _ShotResult:
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]
    motions: list[WorldMotion]
    floor_found: bool
    source: str


def _place_shot(people: list[_Person], settings: WorldSettings, ctx: StageContext, shot: int | None) -> _ShotResult:
    where = "" if shot is None else f" of shot {shot + 1}"
    vertical, stances = _find_vertical(people, settings)
    if vertical.source == "level" and people:
        ctx.note(f"Nobody{where} stands upright long enough to show the camera's tilt; it is taken as level.")
    heights = [_floor_below(person, contact, vertical.up) for person, contact in zip(people, stances, strict=True)]
    known = [(h, weight) for h, weight in heights if weight > 0]
    floor_found = bool(known) or settings.camera_height_m is not None
    if settings.camera_height_m is not None:
        height = settings.camera_height_m
    elif known:
        height = _lowest_floor(*np.array(known).T)
    else:
        height = max([h for h, _ in heights], default=DEFAULT_HEIGHT_M)
        if people:
            ctx.note(f"No feet on the floor are seen{where}; the floor's height is a guess.")
    rotation = _camera_to_world(vertical.up)
    eye = np.array([0.0, height, 0.0])
    motions = []
    for person, contact, (own, _) in zip(people, stances, heights, strict=True):
        pelvis = person.joints[:, 0] @ rotation.T
        pelvis, on_floor = _onto_floor(pelvis, own, height, person, ctx)
        offset = person.offset @ rotation.T
        stance = Stance(offset, contact, person.clearance if on_floor else None)
        sigma = person.motion.depth_sigma.astype(np.float64)
        pelvis = fuse(pelvis + eye, eye, person.confidence, sigma, person.time_s, stance, settings)
        motions.append(_to_world(person, rotation, pelvis))
    shift = -_origin(people, motions)
    moved = [replace(motion, transl=motion.transl + shift) for motion in motions]
    return _ShotResult(rotation, eye + shift, moved, floor_found, vertical.source)


def _find_vertical(people: list[_Person], settings: WorldSettings) -> tuple[Vertical, list[NDArray[np.bool_]]]:
    """Up, and each person's stance `[N,4]`: three rounds of levelling the floor and finding who stands on it."""
    if settings.tilt_deg is not None or settings.roll_deg is not None:
        prior = from_angles(settings.tilt_deg or 0.0, settings.roll_deg or 0.0)
    else:
        joints = [person.joints for person in people] or [np.zeros((0, 22, 3))]
        seconds = [frame_seconds(person.time_s) * person.confidence * _calm(person) for person in people]
        seconds = seconds or [np.zeros(0)]
        prior = from_bodies(np.concatenate(joints), np.concatenate(seconds))
    vertical, stances = prior, [np.zeros((len(p.joints), 4), bool) for p in people]
    for _ in range(3):
        rotation = _camera_to_world(vertical.up)
        feet, paths = [], []
        for i, person in enumerate(people):
            offset = person.offset @ rotation.T
            sigma = person.motion.depth_sigma.astype(np.float64)
            path = fuse(
                person.joints[:, 0] @ rotation.T,
                np.zeros(3),
                person.confidence,
                sigma,
                person.time_s,
                Stance(offset, stances[i], None),
                settings,
            )
            points = path[:, None] + offset
            stances[i] = _stance(points, person, _STANCE_ON_A_SLOPE)
            paths.append(points @ rotation)
            weight = frame_seconds(person.time_s)[:, None] * np.repeat(person.feet_seen, 2, axis=1)
            use = stances[i] & (weight > 0)
            share = weight / np.maximum(use.sum(1, keepdims=True), 1)
            level = points - person.clearance[:, None] * [0, 1, 0]
            feet.append((level[use] @ rotation, share[use]))
        vertical = with_floor(prior, vertical.up, feet)
    rotation = _camera_to_world(vertical.up)
    stances = [_stance(path @ rotation.T, person, _STANCE) for path, person in zip(paths, people, strict=True)]
    return vertical, stances


def _calm(person: _Person) -> NDArray[np.float64]:
    """Weight `[N]` of a body's axis as a plumb line: who runs leans, and has both feet behind or before them."""
    if len(person.time_s) < 2:
        return np.ones(len(person.time_s))
    path = smooth(person.time_s, person.joints[:, 0], 1.0)
    return 1 / (1 + (np.gradient(path, person.time_s, axis=0) ** 2).sum(1))


def _stance(points: NDArray[np.float64], person: _Person, settings: ContactSettings) -> NDArray[np.bool_]:
    """Contacts over a floor whose height is not known yet: the low end of where slow feet are."""
    level = points[..., 1] - person.clearance
    valid = person.confidence > 0
    if not valid.any():
        return np.zeros(level.shape, bool)
    points = points - [0, np.quantile(level.min(1)[valid], 0.2), 0]
    return detect(points, person.clearance, person.time_s, valid, settings)


def _floor_below(person: _Person, contact: NDArray[np.bool_], up: NDArray[np.float64]) -> tuple[float, float]:
    """Height of the camera over the floor that a person stands on, and the seconds they stand there."""
    depth = -(person.joints[:, :1] + person.offset) @ up + person.clearance
    weight = frame_seconds(person.time_s)[:, None] * np.repeat(person.feet_seen, 2, axis=1) * contact
    if weight.sum() > 0:
        return _weighted_median(depth[weight > 0], weight[weight > 0]), float(weight.sum())
    valid = person.confidence > 0
    lowest = depth.max(1)[valid] if valid.any() else depth.max(1)
    return float(np.median(lowest)), 0.0


def _lowest_floor(heights: NDArray[np.float64], seconds: NDArray[np.float64]) -> float:
    """Camera height over the lowest floor that people stand on for long; floors about as low are one with errors."""
    lowest = heights[seconds >= 0.2 * seconds.max()].max()
    near = (heights > lowest - 0.5) | (heights > _SAME_FLOOR[0] * lowest)
    return _weighted_median(heights[near], seconds[near])


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def _onto_floor(
    pelvis: NDArray[np.float64], own: float, height: float, person: _Person, ctx: StageContext
) -> tuple[NDArray[np.float64], bool]:
    """Bring a person's floor, `own` metres below the camera, to the shot's floor, `height` metres below it.

    Body size and distance cannot be told apart from one image, so the person is moved along the viewing rays: the
    floor under them is scaled about the camera, which keeps their feet where they are in the image. What a believable
    change of distance cannot explain is a vertical shift; somebody who stands higher than the others is left there.

    Args:
        pelvis: `[N,3]`, world axes, camera at 0.

    Returns:
        the new path, and whether it stands on the shot's floor.
    """
    if own < height - 0.5 and own / height < _SAME_FLOOR[0]:
        ctx.note(f"Person {person.motion.person_id} seems to stand higher than the others and is left there.")
        return pelvis, False
    scale = float(np.clip(height / own, *_SAME_FLOOR)) if min(own, height) > 0.3 else 1.0
    below = pelvis.copy()
    below[:, 1] = -own
    return pelvis + (scale - 1) * below + np.array([0.0, scale * own - height, 0.0]), True


def _camera_to_world(up: NDArray[np.float64]) -> NDArray[np.float64]:
    forward, right = directions(up)
    return np.stack([right, up, -forward])


def _to_world(person: _Person, rotation: NDArray[np.float64], pelvis: NDArray[np.float64]) -> WorldMotion:
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


def _origin(people: list[_Person], motions: list[WorldMotion]) -> NDArray[np.float64]:
    """Floor point `[3]` below the first person's pelvis at their first valid frame."""
    if not motions:
        return np.zeros(3)
    first = int(np.argmax(motions[0].valid))
    return (motions[0].transl[first] + people[0].soles.joints[0]) * [1, 0, 1]


def _empty(motion: PoseEvidence) -> WorldMotion:
    return WorldMotion(**{name: getattr(motion, name) for name in WorldMotion.__dataclass_fields__})
