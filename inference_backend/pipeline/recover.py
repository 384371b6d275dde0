"""The stage graph: a clip in, `result.npz` out. The order of the stages can be read here and nowhere else."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..records.motion import WorldMotion
from ..stages.estimate.registry import find_estimator
from ..stages.result.folder import prepare_folder
from .cache import StageCache
from .cached_stages import CachedStages, Placed
from .device import choose_device
from .edited_contacts import edited_contacts
from .identity import video_identity
from .models import load_models
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
    estimator = find_estimator(job.settings.estimator)
    identity = video_identity(job.video)
    prepare_folder(job.out)
    runner = StageRunner(cache, "cpu", progress, cancelled, note)
    run = CachedStages(stages, job.settings, runner)
    video = run.frames(job.video, identity)

    # torch is loaded here: not before it is known that there is a video, and at once what is missing is told.
    runner.device = choose_device(job.device)
    models = load_models(estimator, job.settings, stages)

    shots = run.shots(video)
    people, background = run.people_and_background(video, shots)
    camera = run.camera(video, shots, people, background)
    motions = run.estimate(video, people, camera, models)
    motions = run.convert(motions, models)
    placed = run.world(video, shots, camera, motions, models)
    placed = run.trajectory(video, shots, camera, motions, placed, models)

    # Clean-up: nothing before this point depends on its settings, and nothing after it looks at the video. It takes
    # people one by one, each on a floor at 0: who stands on something goes down to it and up again.
    levels = [motion.floor_y for motion in placed.value.motions]
    placed = _on_floor_at_0(placed)
    edited = edited_contacts(job.contacts, video.value, placed.value.motions)
    contacts = run.contacts(video, placed, edited, models)
    locked = run.foot_lock(video, placed, contacts, models)
    cleaned, physics = run.physics(video, placed, locked, contacts, models)
    raw, cleaned = _up_again(placed.value.motions, levels), _up_again(cleaned, levels)
    runner.check_cancelled()

    from ..stages.result.assemble import RecoveredPerson, assemble
    from ..stages.result.reports import report_arrays
    from ..stages.result.write import write_result

    report = progress.stage("result")
    stood = [out.value for out in contacts]
    persons = [RecoveredPerson(*its) for its in zip(people.value, raw, cleaned, stood, strict=True)]
    clip, world = video.value, placed.value.world
    arrays = assemble(clip, shots.value, camera.value, world, persons, models.body, estimator.name, runner.notes)
    arrays |= report_arrays(len(clip), cleaned, placed.value.reports, physics, converted=models.converts)
    result, body = write_result(job.out, arrays, models.body)
    report(1.0, len(clip))
    return Recovered(result, body, tuple(arrays["person_ids"].tolist()), tuple(runner.notes))


def _on_floor_at_0(placed: Output[Placed]) -> Output[Placed]:
    motions = [motion.standing_at(0.0) for motion in placed.value.motions]
    return Output(replace(placed.value, motions=motions), placed.key)


def _up_again(motions: list[WorldMotion], levels: list[float]) -> list[WorldMotion]:
    return [replace(motion, floor_y=0.0).standing_at(y) for motion, y in zip(motions, levels, strict=True)]
