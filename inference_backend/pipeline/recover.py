"""The stage graph: a clip in, `result.npz` out. The order of the stages can be read here and nowhere else."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.result_format import load_contacts
from ..records.context import StageContext
from ..records.motion import Contacts, PhysicsReport, PoseEstimate, TrajectoryReport, WorldMotion
from ..records.people import PersonTrack
from ..records.video import Shots, Video
from ..stages.background import settings as background_stage
from ..stages.camera import settings as camera_stage
from ..stages.contacts import settings as contacts_stage
from ..stages.convert import settings as convert_stage
from ..stages.estimate.registry import find_estimator
from ..stages.foot_lock import settings as foot_lock_stage
from ..stages.frames import settings as frames_stage
from ..stages.people import settings as people_stage
from ..stages.physics import settings as physics_stage
from ..stages.result.folder import prepare_folder
from ..stages.shots import settings as shots_stage
from ..stages.trajectory import settings as trajectory_stage
from ..stages.world import settings as world_stage
from .bodies import body_to_run_on, load_body
from .cache import StageCache
from .device import choose_device
from .identity import video_identity
from .progress import JobProgress
from .settings import RecoverSettings
from .stage_runner import Output, StageRunner
from .stages import Stages


@dataclass(frozen=True)
class Job:
    """What a person asks for.

    Attributes:
        video: a video file, or what names an image sequence.
        out: folder for the result.
        settings: of all stages.
        contacts: a `.npz` with edited contacts (`result_format.load_contacts`), or None to find them.
        device: one of `device.DEVICES`.
    """

    video: Path
    out: Path
    settings: RecoverSettings = field(default_factory=RecoverSettings)
    contacts: Path | None = None
    device: str = "auto"


@dataclass(frozen=True)
class Recovered:
    """What came of it.

    Attributes:
        result, body: the files that were written.
        people: ids of the persons in them.
        notes: sentences for the person.
    """

    result: Path
    body: Path
    people: tuple[int, ...]
    notes: tuple[str, ...]


def recover(
    job: Job,
    cache: StageCache,
    progress: JobProgress,
    cancelled: threading.Event,
    note: Callable[[str], None],
    stages: Stages | None = None,
) -> Recovered:
    """Run a job: every stage whose output is not in the cache yet, then write the result.

    Args:
        job: what is asked for.
        cache: keeps the outputs of finished stages.
        progress: told how far the job is.
        cancelled: once set, the job ends between two batches.
        note: told what the person should read.
        stages: in place of the product's.

    Raises:
        Cancelled: finished stages are kept.
        RecoverError: a sentence for everything that the person can do something about.
    """
    stages = stages or Stages()
    settings = job.settings
    estimator = find_estimator(settings.estimator)
    source = video_identity(job.video)
    prepare_folder(job.out)
    runner = StageRunner(cache, "cpu", progress, cancelled, note)
    video_out = runner.run(
        "frames",
        frames_stage.VERSION,
        lambda ctx: stages.probe(job.video, settings.frames, ctx),
        inputs=[source],
        settings=settings.frames,
    )
    video: Video = video_out.value

    # torch is loaded here: not before it is known that there is a video, and at once what is missing is told.
    runner.device = choose_device(job.device)
    own_settings = getattr(settings, estimator.settings)
    weights = estimator.weights(own_settings)
    path_weights = stages.trajectory_weights(settings.trajectory)
    body = load_body(settings.body)
    own_body = body_to_run_on(estimator.trained_body(own_settings), body, settings.estimator_body)

    shots_out = runner.run(
        "shots",
        shots_stage.VERSION,
        lambda ctx: stages.find_shots(video, settings.shots, ctx),
        inputs=[video_out.key],
        settings=settings.shots,
    )
    shots: Shots = shots_out.value
    watches = settings.camera.motion != "static"
    watched: list[Any] = []

    def find_people(ctx: StageContext) -> list[PersonTrack]:
        if not watches:
            return stages.find_people(video, shots, settings.people, ctx)
        watched[:] = [stages.watch_background(video, shots)]
        return stages.find_people(video, shots, settings.people, ctx, watched[0].see)

    people_out = runner.run(
        "people",
        people_stage.VERSION,
        find_people,
        inputs=[video_out.key, shots_out.key],
        settings=settings.people,
        weights=stages.people_weights(),
    )
    tracks: list[PersonTrack] = people_out.value
    background_out = Output(None, "")
    if watches:
        background_out = runner.run(
            "background",
            background_stage.VERSION,
            lambda ctx: stages.follow_background(video, shots, settings.people, ctx, *watched),
            inputs=[video_out.key, shots_out.key, str(settings.people.working_side)],
            settings={},
        )
    watched.clear()
    camera_out = runner.run(
        "camera",
        camera_stage.VERSION,
        lambda ctx: stages.estimate_camera(video, shots, tracks, settings.camera, ctx, background_out.value),
        inputs=[video_out.key, shots_out.key, people_out.key, background_out.key],
        settings=settings.camera,
    )

    seen = [video_out.key, people_out.key, camera_out.key, own_body.sha256]
    motion_outs: list[Output] = []
    for track, part in zip(tracks, _parts([len(track) for track in tracks]), strict=True):
        motion_outs.append(
            runner.run(
                "estimate",
                estimator.version,
                lambda ctx, track=track: stages.estimate(
                    estimator, video, track, camera_out.value, own_body, own_settings, ctx
                ),
                inputs=[*seen, estimator.name, str(track.person_id)],
                settings=own_settings,
                weights=weights,
                part=part,
            )
        )
    if own_body is not body:
        motion_outs = [
            runner.run(
                "convert",
                convert_stage.VERSION,
                lambda ctx, motion=out.value: stages.convert_body(motion, own_body, body, ctx),
                inputs=[out.key, own_body.sha256, body.sha256],
                settings={},
                part=part,
            )
            for out, part in zip(motion_outs, _parts([len(track) for track in tracks]), strict=True)
        ]
    motions: list[PoseEstimate] = [out.value for out in motion_outs]
    world_out = runner.run(
        "world",
        world_stage.VERSION,
        lambda ctx: stages.place_in_world(video, shots, camera_out.value, motions, body, settings.world, ctx),
        inputs=[video_out.key, shots_out.key, camera_out.key, *(out.key for out in motion_outs)],
        settings=settings.world,
    )
    world, placed = world_out.value
    placed_key = world_out.key
    paths: list[TrajectoryReport] = []
    carried = {shot: shots.frames(shot) for shot, does in enumerate(camera_out.value.motion) if does == "carried"}
    if settings.trajectory.has_work(path_weights, bool(carried)):
        path_out = runner.run(
            "trajectory",
            trajectory_stage.VERSION,
            lambda ctx: stages.regenerate_paths(video, world, motions, placed, body, settings.trajectory, ctx, carried),
            inputs=[world_out.key],
            settings=settings.trajectory,
            weights=path_weights,
        )
        (placed, paths, world), placed_key = path_out.value, path_out.key

    # Clean-up: nothing before this point depends on its settings, and nothing after it looks at the video. It takes
    # people one by one, each on a floor at 0: who stands on something goes down to it and up again.
    levels = [motion.floor_y for motion in placed]
    placed = [motion.standing_at(0.0) for motion in placed]
    edited = _edited_contacts(job.contacts, video, placed)
    parts = _parts([len(motion.frames) for motion in placed])
    contact_outs: list[Output] = []
    for motion, part in zip(placed, parts, strict=True):
        if motion.person_id in edited:
            contacts = edited[motion.person_id]
            contact_outs.append(Output(contacts, _contacts_key(contacts)))
            continue
        contact_outs.append(
            runner.run(
                "contacts",
                contacts_stage.VERSION,
                lambda ctx, motion=motion: stages.find_contacts(video, motion, body, settings.contacts, ctx),
                inputs=[placed_key, str(motion.person_id)],
                settings=settings.contacts,
                part=part,
            )
        )
    cleaned: list[WorldMotion] = []
    physics: list[PhysicsReport] = []
    for motion, contact, part in zip(placed, contact_outs, parts, strict=True):
        locked = runner.run(
            "foot_lock",
            foot_lock_stage.VERSION,
            lambda ctx, motion=motion, contact=contact: stages.lock_feet(
                video, motion, contact.value, body, settings.foot_lock, ctx
            ),
            inputs=[placed_key, contact.key, str(motion.person_id)],
            settings=settings.foot_lock,
            part=part,
        )
        if settings.physics.mode == "never":
            cleaned.append(locked.value)
            continue
        moved = runner.run(
            "physics",
            physics_stage.VERSION,
            lambda ctx, locked=locked, contact=contact, floor=world.floor_found[motion.shot]: stages.apply_physics(
                video, locked.value, contact.value, floor, body, settings.physics, settings.foot_lock, ctx
            ),
            inputs=[locked.key, contact.key],
            settings=settings.physics,
            weights=stages.simulator(),
            part=part,
        )
        cleaned.append(moved.value[0])
        physics.append(moved.value[1])
    placed, cleaned = (
        [replace(motion, floor_y=0.0).standing_at(y) for motion, y in zip(motions, levels, strict=True)]
        for motions in (placed, cleaned)
    )
    runner.check_cancelled()

    from ..stages.result.assemble import RecoveredPerson, assemble
    from ..stages.result.reports import report_arrays
    from ..stages.result.write import write_result

    report = progress.stage("result")
    contacts = [out.value for out in contact_outs]
    people = [RecoveredPerson(*its) for its in zip(tracks, placed, cleaned, contacts, strict=True)]
    arrays = assemble(video, shots, camera_out.value, world, people, body, estimator.name, runner.notes)
    arrays |= report_arrays(len(video), cleaned, paths, physics, converted=own_body is not body)
    result, body_file = write_result(job.out, arrays, body)
    report(1.0, len(video))
    return Recovered(result, body_file, tuple(arrays["person_ids"].tolist()), tuple(runner.notes))


def _parts(sizes: list[int]) -> list[tuple[float, float]]:
    """Each person's part of a stage, 0..1, by their number of frames."""
    ends = np.cumsum([0, *sizes]) / max(sum(sizes), 1)
    return list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))


def _edited_contacts(path: Path | None, video: Video, placed: list[WorldMotion]) -> dict[int, Contacts]:
    if path is None:
        return {}
    from ..stages.contacts.stage import check_edits

    given = load_contacts(path, video.frame_index)
    motions = {motion.person_id: motion for motion in placed}
    if strangers := sorted(given.keys() - motions.keys()):
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f'"{path}" holds contacts of person {strangers[0]}, whom this clip does not have.',
            "Give the contacts of this result, not those of another clip or range.",
        )
    return {person: check_edits(rows[motions[person].frames], motions[person]) for person, rows in given.items()}


def _contacts_key(contacts: Contacts) -> str:
    return hashlib.sha256(np.packbits(contacts.contact).tobytes()).hexdigest()
