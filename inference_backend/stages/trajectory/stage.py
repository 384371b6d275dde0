"""The trajectory stage: paths regenerated from what bodies do, fused with what the camera saw."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.clock import clock_times, cubic
from ...models.trajectory.canonical import with_hands
from ...protocol.errors import ErrorCode, RecoverError
from ...records.camera import WorldFrame
from ...records.context import StageContext
from ...records.motion import PoseEstimate, TrajectoryReport, WorldMotion
from ...records.video import Video
from ..one_thread import one_thread
from .carried import follow_people
from .fusion import align, fuse, precision_of, shifted
from .odometry import odometry
from .person import Person, person_of
from .prior import Prior
from .settings import TrajectorySettings
from .weights import find_weights

Array = NDArray[np.float64]
_MAX_SPEED_SPREAD = (0.03, 0.5)
"""Metres per second: the seeds' spread is believed within these."""
_BATCH = 16
"""Windows at once on a CPU; on a GPU eight times as many."""


def regenerate_paths(
    video: Video,
    world: WorldFrame,
    estimates: list[PoseEstimate],
    motions: list[WorldMotion],
    body: Body,
    settings: TrajectorySettings,
    ctx: StageContext,
    carried: dict[int, NDArray[np.int64]] | None = None,
) -> tuple[list[WorldMotion], list[TrajectoryReport], WorldFrame]:
    """Regenerate paths where that is wanted, and tie them to the observed ones.

    Args:
        video: gives the time stamp of each frame.
        world: where the camera stands.
        estimates: of each person, for the certainty of its distance.
        motions: the same people in the world, in the same order; poses and shapes are kept.
        body: `body.Body`.
        settings: trigger, weights, crossover times.
        ctx: device, progress; a note when weights are missing but asked for.
        carried: clip frames of each shot whose camera is carried about, so that only its turning is known. There all
            paths are regenerated from the bodies' motion alone, and the camera goes where they put it.

    Returns:
        The motions with new `transl`, what was done to each, and the camera. A person whose path is not regenerated
        comes back as they were.

    Raises:
        RecoverError: the weights file that the settings name cannot be used.
    """
    file = find_weights(settings)
    if settings.trigger == "never" or not motions or (file is None and not settings.without_weights):
        if file is None and settings.trigger == "always":
            ctx.note(
                "There are no weights for the trajectory network, so people's paths were not regenerated; they are as "
                "the video and the standing feet say."
            )
        return motions, [_untouched(motion) for motion in motions], world
    carried = carried if carried and file is not None else {}
    people = {
        i: person_of(video, own, motion, body, settings, motion.shot in carried)
        for i, (own, motion) in enumerate(zip(estimates, motions, strict=True))
        if len(motion.frames) > 1 and _is_finite(motion)
    }
    chosen = [i for i, person in people.items() if person.regenerate.any()]
    if file is not None:
        priors = _from_network(file, [people[i] for i in chosen], world, settings, ctx)
    else:
        priors = [_from_feet(people[i], settings) for i in chosen]
    by_person = dict(zip(chosen, priors, strict=True))
    for shot, frames in carried.items():
        if own := [i for i in chosen if people[i].motion.shot == shot]:
            told = [(people[i], estimates[i], by_person[i]) for i in own]
            world, moved = follow_people(told, frames, video, world, body)
            people |= dict(zip(own, moved, strict=True))
    out, reports = list(motions), [_untouched(motion) for motion in motions]
    for i, prior in by_person.items():
        out[i], reports[i] = _fused(people[i], prior, world, settings, people[i].motion.shot in carried)
    ctx.progress(1.0, sum(len(motion.frames) for motion in motions))
    return out, reports, world


def _is_finite(motion: WorldMotion) -> bool:
    return all(np.isfinite(values).all() for values in (motion.transl, motion.global_orient, motion.body_pose))


def _from_network(
    file: Path, people: list[Person], world: WorldFrame, settings: TrajectorySettings, ctx: StageContext
) -> list[Prior]:
    from ...models.trajectory.regenerate import FPS, regenerate
    from ...models.trajectory.weights_file import load_weights

    loaded = load_weights(file, ctx.device)
    if loaded.network.config.condition_of != "joints":
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The trajectory weights {file} were trained on joints' rotations, for comparison only.",
            "Name weights that were trained on joints' places, or leave the setting empty.",
        )
    gpu = ctx.device != "cpu"
    clocks = [clock_times(person.time_s, FPS) for person in people]
    joints = [
        with_hands(torch.from_numpy(cubic(person.time_s, person.joints, clock)))
        for person, clock in zip(people, clocks, strict=True)
    ]
    precisions = [
        torch.from_numpy(cubic(person.time_s, _precision(person, world, settings), clock)).float()
        for person, clock in zip(people, clocks, strict=True)
    ]
    with one_thread():
        drawn = regenerate(
            loaded.network,
            loaded.scale,
            joints,
            steps=settings.steps or (100 if gpu else 20),
            seeds=settings.seeds or (4 if gpu else 1),
            batch=max(1, round(_BATCH * (8 if gpu else 1) * ctx.batch_scale)),
            precisions=precisions if settings.guide else None,
            speed_sigma=settings.speed_sigma_mps,
            tick=lambda fraction: ctx.progress(0.9 * fraction, 0),
        )
    priors = []
    for person, clock, prior in zip(people, clocks, drawn, strict=True):
        path = cubic(clock, prior.path.double().numpy(), person.time_s)
        spread = np.nan_to_num(prior.sigma_v.double().numpy(), nan=settings.speed_sigma_mps)
        sigma = np.interp(person.time_s, clock, np.clip(spread, *_MAX_SPEED_SPREAD))
        priors.append(Prior(path, sigma, "network", prior.windows, prior.seeds))
    return priors


def _precision(person: Person, world: WorldFrame, settings: TrajectorySettings) -> Array:
    sigma = np.full(len(person.time_s), settings.speed_sigma_mps)
    return precision_of(_ray(person, world), person.confidence, sigma, settings.lateral_s, settings.depth_s)


def _ray(person: Person, world: WorldFrame) -> Array:
    """Unit vectors `[N,3]` from the camera to the pelvis."""
    ray = person.joints[:, 0] - world.cam_pos_world[person.motion.frames]
    return ray / np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-6)


def _from_feet(person: Person, settings: TrajectorySettings) -> Prior:
    pelvis = person.joints[:, 0]
    path = odometry(pelvis, person.feet - pelvis[:, None], person.contact, person.confidence, person.time_s)
    return Prior(path, np.full(len(path), settings.speed_sigma_mps), "contacts", 0, 0)


def _fused(
    person: Person, prior: Prior, world: WorldFrame, settings: TrajectorySettings, carried: bool
) -> tuple[WorldMotion, TrajectoryReport]:
    observed = person.joints[:, 0]
    # What a carried camera saw lies where the prior put the camera: there is no other direction or size to go by.
    aligned = (shifted if carried else align)(prior.path, observed, person.confidence)
    path = fuse(
        observed,
        aligned.path,
        person.confidence,
        prior.sigma_v,
        _ray(person, world),
        person.time_s,
        settings.lateral_s,
        settings.depth_s,
        person.floor(),
        ~person.regenerate,
    )
    path = np.where(person.regenerate[:, None], path, observed)
    motion = replace(person.motion, transl=path - person.soles.joints[0])
    sigma = np.where(person.regenerate, prior.sigma_v, 0).astype(np.float32)
    return motion, TrajectoryReport(
        motion.person_id,
        prior.name,
        person.regenerate,
        sigma,
        prior.windows,
        prior.seeds,
        float(np.rad2deg(aligned.yaw)),
        aligned.scale,
    )


def _untouched(motion: WorldMotion) -> TrajectoryReport:
    count = len(motion.frames)
    return TrajectoryReport(
        motion.person_id, "none", np.zeros(count, bool), np.zeros(count, np.float32), 0, 0, 0.0, 1.0
    )
