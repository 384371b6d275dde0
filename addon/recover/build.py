"""A recovered job -> objects in its scene, in steps short enough for a timer."""

import json
from collections.abc import Iterator
from pathlib import Path

import bpy

from ...inference_backend.protocol.result_format import BODY_NAME, load_result
from ..jobs.job import Job
from ..result.body_file import read_body
from ..result.camera import Footage
from ..result.scene import BuildSettings, Take, build_take
from .plan import Plan


def build(plan: Plan, job: Job) -> Iterator[float]:
    """Build what a job recovered; yields how far it is, 0..1.

    Args:
        plan: where and how.
        job: recovered.

    Raises:
        RecoverError: the scene is gone, or a file of the result cannot be read.
    """
    assert job.result is not None
    folder = job.result.parent
    result = load_result(job.result)
    body = read_body(folder / BODY_NAME)
    yield 0.05
    plan.timeline.save(folder)
    times = plan.timeline.key_times(result.time_s, result.frame_index)
    settings = BuildSettings(plan.source.name, footage(plan), position_only=plan.position_only)
    steps = build_take(plan.scene(), result, body, times, settings)
    while True:
        try:
            fraction, _ = next(steps)
        except StopIteration as end:
            take: Take = end.value
            break
        yield 0.05 + 0.9 * fraction
        plan.scene()  # it may have gone while we waited
    for person in take.people:
        remember(person.armature, person.person_id, plan, job)
    # One step of undo takes the whole result away.
    bpy.ops.ed.undo_push(message="Recover Motion")


def footage(plan: Plan) -> Footage:
    """The camera's background."""
    if not plan.source.images:
        return Footage(plan.source.path)
    digits = "".join(c if c.isdigit() else " " for c in plan.source.path.stem).split()
    return Footage(plan.source.path, int(digits[-1]) if digits else 1)


def remember(armature: bpy.types.Object, person_id: int, plan: Plan, job: Job) -> None:
    """Keep with the armature what cleaning it again needs."""
    origin = armature.recover_motion
    origin.folder = str(Path(job.result).parent)
    origin.person_id = person_id
    origin.video = job.request.video
    origin.range_json = json.dumps([job.request.start_s, job.request.end_s])
    origin.settings = json.dumps(job.request.settings)
    origin.position_only = plan.position_only
