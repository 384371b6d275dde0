"""Clean a recovered armature again: its contacts and the clean-up settings go to the backend, new keys come back.

What was recovered stays as it is: each cleaning writes a result of its own into a folder `clean 1`, `clean 2`, ...
beside it, so that either can be imported later.
"""

import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bpy
import numpy as np

from ...inference_backend.protocol import messages
from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ...inference_backend.protocol.result_format import (
    BODY_NAME,
    RESULT_NAME,
    UNREADABLE,
    PersonResult,
    Result,
    load_result,
    person_name,
)
from ..core.contacts import read_contacts
from ..core.timing import KeyTimes
from ..jobs.job import Job
from ..recover.origin import tell
from ..recover.request_file import Request
from ..recover.timeline import Timeline
from ..result.body_file import read_body
from ..result.person import cleaned_curves
from .contact_keys import contact_keys, own_curves, replace_curve

CLEANING_STAGES: Final = frozenset({"contacts", "foot_lock", "physics", "result"})
"""Stages of the backend that cleaning runs anew: what the others had to say was said with the recovery."""


@dataclass(frozen=True)
class CleaningPlan:
    """What a job of cleaning must remember: names, never references, since undo replaces what they point to.

    Attributes:
        armature_uid: whose motion is replaced.
        folder: of the recovery's result.
        person_id: whose it is.
        position_only: the root bone does not turn.
        request: what the backend was asked.
    """

    armature_uid: int
    folder: Path
    person_id: int
    position_only: bool
    request: Request

    def armature(self) -> bpy.types.Object:
        """The armature.

        Raises:
            RecoverError: `BAD_INPUT`, it is gone.
        """
        for obj in bpy.data.objects:
            if obj.session_uid == self.armature_uid and obj.users_scene:  # a pair of the retargeting keeps deleted ones
                return obj
        raise RecoverError(
            ErrorCode.BAD_INPUT, "The armature that was to be cleaned is gone.", "Undo its removal, and clean it again."
        )


def cleaning_job(name: str, armature: bpy.types.Object, cleaning: dict, scene: bpy.types.Scene) -> Job:
    """A job that cleans `armature` again.

    Args:
        name: the job's name.
        armature: one that was recovered.
        cleaning: the clean-up part of the backend's settings.
        scene: whose other armatures of the same result keep their edited contacts too.

    Raises:
        RecoverError: the result that it came from cannot be read, or the armature uses an action that is not ours.
        OSError: nothing can be written beside that result, or into Blender's temporary folder.
    """
    origin = armature.recover_motion
    asked = origin.request
    if not asked.video:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The result of {armature.name!r} does not say which video it came from, so it cannot be cleaned again.",
            "Recover the motion from its strip again.",
        )
    own_curves(armature)
    folder = Path(bpy.path.abspath(origin.folder))
    result = load_result(folder / RESULT_NAME)
    timeline = read_timeline(folder)
    edited = {"frame_index": result.frame_index}
    # Copies share a person: the one that is to be cleaned has the last word.
    for other in (*scene.objects, armature):
        if other.type == "ARMATURE" and other.recover_motion.folder == origin.folder:
            person = person_of(result, other.recover_motion.person_id)
            times = shot_times(result, timeline, person)
            edited[f"p{person.person_id}_contact"] = read_contacts(contact_keys(other), person.contact, times)
    contacts = Path(bpy.app.tempdir) / f"{name} contacts.npz"
    content = io.BytesIO()
    np.savez_compressed(content, **edited)
    contacts.write_bytes(content.getvalue())
    out = _next_take(folder)  # last: whatever fails before leaves no folder behind
    settings = dict(asked.settings)
    for stage, values in cleaning.items():
        settings[stage] = {**settings.get(stage, {}), **values}
    request = messages.Submit(
        name,
        asked.video,
        str(out),
        start_s=asked.start_s,
        end_s=asked.end_s,
        contacts=str(contacts),
        device=scene.recover_motion.device,
        settings=settings,
    )
    plan = CleaningPlan(
        armature.session_uid,
        folder,
        origin.person_id,
        origin.position_only,
        Request(asked.video, asked.start_s, asked.end_s, settings),
    )
    return Job(
        name,
        f"Clean {armature.name}",
        request,
        functools.partial(apply_cleaning, plan),
        own_stages=CLEANING_STAGES,
    )


def _next_take(folder: Path) -> Path:
    """A new folder beside a result, `clean 1`, `clean 2`, ...: never one that is there, so queued jobs keep apart."""
    number = 1
    while (out := folder / f"clean {number}").exists():
        number += 1
    out.mkdir()
    return out


def apply_cleaning(plan: CleaningPlan, job: Job) -> Iterator[float]:
    """Put the cleaned motion into the action that the armature uses; nothing else is changed.

    Args:
        plan: whose motion, and which result.
        job: done by the backend.

    Raises:
        RecoverError: the armature is gone, or uses an action that is not ours.
    """
    assert job.result is not None
    out = job.result.parent
    plan.request.save(out)
    result = load_result(job.result)
    body = read_body(out / BODY_NAME)
    person = person_of(result, plan.person_id)
    times = shot_times(result, read_timeline(plan.folder), person)
    yield 0.3
    curves = cleaned_curves(
        person,
        body.people[person.person_id],
        result.time_s,
        times,
        floor_y=result.floor_y,
        position_only=plan.position_only,
    )
    yield 0.6
    armature = plan.armature()
    bag = own_curves(armature)
    for curve in curves:
        replace_curve(bag, curve)
    tell(armature, result, out.name)
    job.summary = f"The result is kept as {out.name}."
    bpy.ops.ed.undo_push(message="Clean Motion")


def read_timeline(folder: Path) -> Timeline:
    """When the strip of a result showed what.

    Raises:
        RecoverError: `BAD_INPUT`, that file of the result is missing or damaged.
    """
    try:
        return Timeline.load(folder)
    except (*UNREADABLE, KeyError, TypeError) as error:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The result in {folder} is not complete: {error}.",
            "Recover the motion again; its finished stages are kept.",
        ) from error


def person_of(result: Result, person_id: int) -> PersonResult:
    """A person of a result.

    Raises:
        RecoverError: `BAD_INPUT`, the result has no such person.
    """
    for person in result.people:
        if person.person_id == person_id:
            return person
    raise RecoverError(
        ErrorCode.BAD_INPUT,
        f"The result no longer has {person_name(person_id)}.",
        "Recover the motion again; its finished stages are kept.",
    )


def shot_times(result: Result, timeline: Timeline, person: PersonResult) -> KeyTimes:
    """Where the keys of a person lie: those of the shot that they are in."""
    times = timeline.key_times(result.time_s, result.frame_index)
    shots = result.shot_id[person.valid]
    return times.select(result.shot_id[times.clip_frame] == shots[0]) if len(shots) else times
