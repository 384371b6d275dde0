"""The world stage: people and one camera a shot, which may turn where it stands, on a floor at y = 0."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.banded import frame_seconds
from ...records.camera import Camera, WorldFrame
from ...records.context import StageContext
from ...records.motion import PoseEstimate, WorldMotion
from ...records.video import Shots, Video
from .carried import carried_path
from .floors import find_floor
from .levelling import find_vertical
from .path import Stance, fuse
from .person import Person, as_from_first_frame, calm, carried_along, grown, person_of, to_world
from .settings import WorldSettings
from .vertical import camera_to_world, from_bodies


def place_in_world(
    video: Video,
    shots: Shots,
    camera: Camera,
    motions: list[PoseEstimate],
    body: Body,
    settings: WorldSettings,
    ctx: StageContext,
) -> tuple[WorldFrame, list[WorldMotion]]:
    """Find the vertical and the floor of each shot and move its people there.

    The world: right-handed, metres, y up, floor y = 0; the origin is the floor point below the first person's pelvis
    at their first valid frame (without people: below the camera); the camera looks towards -z in the shot's first
    frame. People before a camera that turns are brought into the axes of that frame first; from there on the camera is
    a still one, and its turns are put back at the end. A camera that is carried about goes where the best seen person's
    walk says (`carried`).

    Args:
        video: T clip frames.
        shots: which shot each belongs to.
        camera: its turns; its intrinsics are already in the motions.
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
        people = [person_of(as_from_first_frame(motions[i], camera, body), body, video) for i in index]
        frames = shots.frames(shot)
        carry = None
        if people and camera.motion and camera.motion[shot] == "carried":
            carry = _carry(people, video, frames)
            people = [carried_along(person, carry[person.motion.frames - frames[0]], body, video) for person in people]
        result = _place_shot(people, video, body, settings, ctx, shot if shots.count > 1 else None)
        turn = camera.turn_of(frames)
        rotation[frames] = result.rotation if turn is None else result.rotation @ turn
        position[frames] = result.position if carry is None else result.position + carry @ result.rotation.T
        placed |= dict(zip(index, result.motions, strict=True))
        found.append(result.floor_found)
        sources.append(result.source)
        ctx.progress((shot + 1) / shots.count, int(frames[-1]) + 1)
    world = WorldFrame(rotation, position, tuple(found), tuple(sources))
    return world, [placed.get(i, _empty(motion)) for i, motion in enumerate(motions)]


def _carry(people: list[Person], video: Video, frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """Path `[F,3]` of a shot's camera in the axes of its first frame; at rest where the person is not seen."""
    best = max(people, key=lambda person: float((frame_seconds(person.time_s) * person.confidence).sum()))
    feet = best.offset.reshape(-1, 2, 2, 3).mean(2)
    up = from_bodies(best.joints, frame_seconds(best.time_s) * best.confidence * calm(best)).up
    path = carried_path(best.joints[:, 0], feet, best.confidence, best.time_s, up)
    return np.stack([np.interp(video.time_s[frames], best.time_s, column) for column in path.T], axis=1)


@dataclass(frozen=True)
class _ShotResult:
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]
    motions: list[WorldMotion]
    floor_found: bool
    source: str


def _place_shot(
    people: list[Person], video: Video, body: Body, settings: WorldSettings, ctx: StageContext, shot: int | None
) -> _ShotResult:
    where = "" if shot is None else f" of shot {shot + 1}"
    vertical, stances = find_vertical(people, settings)
    if vertical.source == "level" and people:
        ctx.note(f"Nobody{where} stands upright long enough to show the camera's tilt; it is taken as level.")
    floor, own, floor_found = find_floor(people, stances, vertical.up, settings, ctx, where)
    rotation = camera_to_world(vertical.up)
    eye = np.array([0.0, floor.height, 0.0])
    motions = []
    for i, (person, contact) in enumerate(zip(people, stances, strict=True)):
        if abs(floor.scale[i] - 1) > 1e-6:
            person, scale = grown(person, float(floor.scale[i]), body, video)
            people[i], own[i] = person, own[i] * scale
        level = 0.0 if floor.shared[i] else floor.height - float(own[i])
        pelvis = person.joints[:, 0] @ rotation.T
        offset = person.offset @ rotation.T
        stance = Stance(offset, contact, person.clearance + level)
        sigma = person.motion.depth_sigma.astype(np.float64)
        camera = eye + person.camera @ rotation.T
        pelvis = fuse(pelvis + eye, camera, person.confidence, sigma, person.time_s, stance, settings)
        motions.append(replace(to_world(person, rotation, pelvis), floor_y=level))
    shift = -_origin(people, motions)
    moved = [replace(motion, transl=motion.transl + shift) for motion in motions]
    return _ShotResult(rotation, eye + shift, moved, floor_found, vertical.source)


def _origin(people: list[Person], motions: list[WorldMotion]) -> NDArray[np.float64]:
    """Floor point `[3]` below the first person's pelvis at their first valid frame."""
    if not motions:
        return np.zeros(3)
    first = int(np.argmax(motions[0].valid))
    return (motions[0].transl[first] + people[0].soles.joints[0]) * [1, 0, 1]


def _empty(motion: PoseEstimate) -> WorldMotion:
    fields = {name: getattr(motion, name) for name in WorldMotion.__dataclass_fields__ if name != "floor_y"}
    return WorldMotion(**fields)
