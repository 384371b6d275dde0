"""The world stage: people and one camera a shot, which may turn where it stands, on a floor at y = 0."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.banded import frame_seconds, smooth
from ...geometry.feet import Soles, find_soles
from ...geometry.forward_kinematics import pose_joints
from ...geometry.stature import resized
from ...protocol.result_format import person_name
from ...records.camera import Camera, WorldFrame
from ...records.context import StageContext
from ...records.motion import PoseEstimate, WorldMotion
from ...records.video import Shots, Video
from ..contacts.detect import detect
from ..contacts.settings import ContactSettings
from .carried import carried_path
from .floors import Floor, common_floor, given_floor
from .path import Stance, fuse
from .settings import WorldSettings
from .vertical import Vertical, directions, from_angles, from_bodies, with_floor

DEFAULT_HEIGHT_M = 1.5
"""Camera height where nobody's feet tell one."""
_STANCE = ContactSettings(height_m=0.045, keep_height_m=0.08, speed_mps=0.5, keep_speed_mps=0.9, floor_error_m=0.15)
"""Wider than for the result: what counts here is that no stance is missed."""
_STANCE_ON_A_SLOPE = replace(_STANCE, floor_error_m=2.0)
"""While the vertical is still wrong, the floor rises and falls under a person who walks."""


@dataclass(frozen=True)
class _Person:
    """One person in camera axes: what the floor and the path are found from.

    `camera [N,3]` is the camera's place in the same axes: 0, unless it is carried about.
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
        return self.soles.clearance[:, :2].ravel()


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
        people = [_person(_as_from_first_frame(motions[i], camera, body), body, video) for i in index]
        frames = shots.frames(shot)
        carry = None
        if people and camera.motion and camera.motion[shot] == "carried":
            carry = _carry(people, video, frames)
            people = [_carried(person, carry[person.motion.frames - frames[0]], body, video) for person in people]
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


def _as_from_first_frame(motion: PoseEstimate, camera: Camera, body: Body) -> PoseEstimate:
    """The motion in the axes that the camera had in the shot's first frame."""
    turn = camera.turn_of(motion.frames)
    if turn is None:
        return motion
    rest = find_soles(body, motion.betas).joints[0]
    pelvis = np.einsum("nij,nj->ni", turn, motion.transl + rest)
    return replace(motion, global_orient=turn @ motion.global_orient, transl=pelvis - rest)


def _carry(people: list[_Person], video: Video, frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """Path `[F,3]` of a shot's camera in the axes of its first frame; at rest where the person is not seen."""
    best = max(people, key=lambda person: float((frame_seconds(person.time_s) * person.confidence).sum()))
    feet = best.offset.reshape(-1, 2, 2, 3).mean(2)
    up = from_bodies(best.joints, frame_seconds(best.time_s) * best.confidence * _calm(best)).up
    path = carried_path(best.joints[:, 0], feet, best.confidence, best.time_s, up)
    return np.stack([np.interp(video.time_s[frames], best.time_s, column) for column in path.T], axis=1)


def _carried(person: _Person, path: NDArray[np.float64], body: Body, video: Video) -> _Person:
    """The person in axes that stay where the camera was at first; `path [N,3]` of the camera in their frames."""
    moved = _person(replace(person.motion, transl=person.motion.transl + path), body, video)
    return replace(moved, camera=path)


def _person(motion: PoseEstimate, body: Body, video: Video) -> _Person:
    soles = find_soles(body, motion.betas)
    joints, rotations = pose_joints(soles.joints, motion.global_orient, motion.body_pose, motion.transl)
    points = soles.heels_and_toes(joints, rotations)
    seen = motion.valid * motion.confidence[:, [0, 1, 2]].mean(1)
    return _Person(
        motion,
        soles,
        joints,
        points - joints[:, :1],
        video.time_s[motion.frames],
        seen.astype(np.float64),
        (motion.valid[:, None] * motion.confidence[:, [7, 8]]).astype(np.float64),
        np.zeros((len(motion.frames), 3)),
    )


@dataclass(frozen=True)
class _ShotResult:
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]
    motions: list[WorldMotion]
    floor_found: bool
    source: str


def _place_shot(
    people: list[_Person], video: Video, body: Body, settings: WorldSettings, ctx: StageContext, shot: int | None
) -> _ShotResult:
    where = "" if shot is None else f" of shot {shot + 1}"
    vertical, stances = _find_vertical(people, settings)
    if vertical.source == "level" and people:
        ctx.note(f"Nobody{where} stands upright long enough to show the camera's tilt; it is taken as level.")
    floor, own, floor_found = _find_floor(people, stances, vertical.up, settings, ctx, where)
    rotation = _camera_to_world(vertical.up)
    eye = np.array([0.0, floor.height, 0.0])
    motions = []
    for i, (person, contact) in enumerate(zip(people, stances, strict=True)):
        if abs(floor.scale[i] - 1) > 1e-6:
            person, scale = _grown(person, float(floor.scale[i]), body, video)
            people[i], own[i] = person, own[i] * scale
        level = 0.0 if floor.shared[i] else floor.height - float(own[i])
        pelvis = person.joints[:, 0] @ rotation.T
        offset = person.offset @ rotation.T
        stance = Stance(offset, contact, person.clearance + level)
        sigma = person.motion.depth_sigma.astype(np.float64)
        camera = eye + person.camera @ rotation.T
        pelvis = fuse(pelvis + eye, camera, person.confidence, sigma, person.time_s, stance, settings)
        motions.append(replace(_to_world(person, rotation, pelvis), floor_y=level))
    shift = -_origin(people, motions)
    moved = [replace(motion, transl=motion.transl + shift) for motion in motions]
    return _ShotResult(rotation, eye + shift, moved, floor_found, vertical.source)


def _find_floor(
    people: list[_Person],
    stances: list[NDArray[np.bool_]],
    up: NDArray[np.float64],
    settings: WorldSettings,
    ctx: StageContext,
    where: str,
) -> tuple[Floor, NDArray[np.float64], bool]:
    """The shot's floor, the camera's height over each person's own, and whether feet or the user tell it."""
    pairs = [_floor_below(person, contact, up) for person, contact in zip(people, stances, strict=True)]
    own, seconds = np.array(pairs).reshape(-1, 2).T
    told = settings.camera_height_m
    if not people:
        return Floor(DEFAULT_HEIGHT_M if told is None else told, np.ones(0), np.ones(0, bool)), own, told is not None
    floor = common_floor(own, seconds) if told is None else given_floor(own, seconds, told)
    if told is None and not seconds.any():
        ctx.note(f"No feet on the floor are seen{where}; the floor's height is a guess.")
    for i in np.flatnonzero(~floor.shared & (seconds > 0)):
        away = floor.height - own[i]
        ctx.note(
            f"The floor under {person_name(people[i].motion.person_id)} seems to lie {abs(away):.2f} m "
            f"{'higher' if away > 0 else 'lower'} than {'the others stand' if told is None else 'was given'}, more "
            "than their size can explain; they are left there."
        )
    return floor, own, told is not None or bool(seconds.any())


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
                person.camera @ rotation.T,
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


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def _grown(person: _Person, scale: float, body: Body, video: Video) -> tuple[_Person, float]:
    """A person of another size, who looks the same from the camera; and the scale that their body could take."""
    betas, scale = resized(body, person.motion.betas, scale)
    grown = _person(replace(person.motion, betas=betas), body, video)
    pelvis = person.camera + scale * (person.joints[:, 0] - person.camera)
    sized = _person(replace(grown.motion, transl=pelvis - grown.soles.joints[0]), body, video)
    return replace(sized, camera=person.camera), scale


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


def _empty(motion: PoseEstimate) -> WorldMotion:
    fields = {name: getattr(motion, name) for name in WorldMotion.__dataclass_fields__ if name != "floor_y"}
    return WorldMotion(**fields)
