"""A recovered job -> objects in its scene, in steps short enough for a timer."""

import re
from collections.abc import Generator, Iterator
from pathlib import Path

import bpy

from ...inference_backend.protocol.result_format import BODY_NAME, RESULT_NAME, Result, load_result
from ..jobs.job import Job
from ..result.body_file import read_body
from ..result.camera import Footage
from ..result.scene import BuildSettings, Take, build_take
from ..result.unfinished import Unfinished
from .account import summary
from .origin import remember
from .plan import Plan


def build(plan: Plan, job: Job) -> Iterator[float]:
    """Build what a job recovered; yields how far it is, 0..1. Notes about the take join those of the job.

    Args:
        plan: where and how.
        job: recovered.

    Raises:
        RecoverError: the scene is gone, or a file of the result cannot be read.
    """
    assert job.result is not None
    plan.request.save(job.result.parent)
    result, take = yield from build_folder(plan, job.result.parent)
    job.summary = summary(result)
    job.notes += [note for note in take.notes if note not in job.notes]


def build_folder(
    plan: Plan, folder: Path, version: str = "as recovered"
) -> Generator[float, None, tuple[Result, Take]]:
    """Build the result in `folder` in one step of undo; yields how far it is, 0..1, and returns it with its `Take`.

    Args:
        plan: where and how.
        folder: of the result.
        version: which result this is, for a person.

    Raises:
        RecoverError: the scene is gone, or a file of the result cannot be read.
    """
    result = load_result(folder / RESULT_NAME)
    body = read_body(folder / BODY_NAME)
    yield 0.05
    plan.timeline.save(folder)
    times = plan.timeline.key_times(result.time_s, result.frame_index)
    shown = plan.footage if plan.footage and plan.footage.path.is_file() else None
    settings = BuildSettings(plan.clip, shown, position_only=plan.position_only)
    steps = build_take(plan.scene(), result, body, times, settings)
    unfinished = Unfinished()
    try:
        while True:
            try:
                with unfinished.watching():
                    fraction, _ = next(steps)
            except StopIteration as end:
                take: Take = end.value
                break
            yield 0.05 + 0.9 * fraction
            plan.scene()  # it may have gone while we waited
        for person in take.people:
            remember(
                person.armature,
                person.person_id,
                result,
                folder,
                plan.request,
                position_only=plan.position_only,
                version=version,
            )
    except BaseException:  # also when nobody waits for the rest any more
        unfinished.remove()
        raise
    if shown is not plan.footage:  # it went while we waited
        take.notes.append(f"The video {plan.footage.path} is gone, so the camera shows none behind the scene.")
    bpy.ops.ed.undo_push(message="Recover Motion")
    return result, take


def footage(path: Path, *, images: bool) -> Footage:
    """The camera's background.

    Args:
        path: the video, or the first image of a sequence.
        images: it is a sequence.
    """
    if not images:
        return Footage(path)
    digits = re.findall(r"\d+", path.stem)
    return Footage(path, int(digits[-1]) if digits else 1)
