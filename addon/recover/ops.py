"""The operators of a recovery."""

import functools
import re
import time
from pathlib import Path
from typing import Final

import bpy

from ...inference_backend.protocol.errors import RecoverError
from ..compat import Strip
from ..jobs.job import Job, JobState
from ..setup.locations import data_folder
from . import session
from .build import build, footage
from .plan import Plan, check_scene
from .request import recovery_request
from .request_file import Request
from .strip import chosen_strip, read_strip, strip_problem
from .timeline import Timeline


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene whose strips the Sequencer shows; from 5.0 on it can be another than the one in view."""
    return getattr(context, "sequencer_scene", None) or context.scene


class RecoverMotionRecover(bpy.types.Operator):
    """Recover everybody's motion from the selected strip, while you go on working"""

    bl_idname = "recover_motion.recover"
    bl_label = "Recover Motion"
    bl_options: Final = set()  # not REGISTER: Repeat Last executes, and so would wait, with Blender frozen meanwhile

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A movie or image strip is selected."""
        problem = strip_problem(chosen_strip(context))
        if problem:
            cls.poll_message_set(problem)
        return not problem

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Start, and return at once."""
        return {"FINISHED"} if self._start(context) else {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start, and wait for the result (scripts)."""
        job = self._start(context)
        if job is None:
            return {"CANCELLED"}
        session.wait(job)
        if job.state is JobState.FAILED:
            self.report({"ERROR"}, str(job.error))
        return {"FINISHED"} if job.state is JobState.DONE else {"CANCELLED"}

    def _start(self, context: bpy.types.Context) -> Job | None:
        scene = sequencer_scene(context)
        try:
            job = new_job(scene, chosen_strip(context))
            session.submit(job)
        except RecoverError as error:
            self.report({"ERROR"}, str(error))
            return None
        return job


def new_job(scene: bpy.types.Scene, strip: Strip | None) -> Job:
    """A job for a strip of a scene, with the scene's settings.

    Raises:
        RecoverError: the strip, the scene or a setting cannot be used.
    """
    check_scene(scene)
    source = read_strip(strip, scene)
    settings = scene.recover_motion
    timeline = Timeline(
        source.first_scene_frame,
        source.shown,
        source.fps,
        scene.render.fps / scene.render.fps_base,
        settings.keys == "REAL_TIME",
    )
    name = f"{time.strftime('%Y-%m-%d %H.%M.%S')} {len(session.queue.jobs) + 1}"
    out = result_folder(name, source.name)
    asked = recovery_request(name, source, settings, out)
    request = Request(asked.video, asked.start_s, asked.end_s, asked.settings)
    position_only = settings.root == "POSITION"
    plan = Plan(
        scene.session_uid,
        source.name,
        footage(source.path, images=bool(source.images)),
        timeline,
        request,
        position_only,
    )
    return Job(name, source.name, asked, functools.partial(build, plan))


def result_folder(job: str, clip: str) -> Path:
    """Where the result of a job goes: a folder of its own, with a name that every file system takes."""
    stem = re.sub(r"[^\w.-]+", " ", Path(clip).stem).strip(" .")[:40] or "clip"
    return data_folder() / "results" / f"{job} {stem}"


class RecoverMotionCancel(bpy.types.Operator):
    """End this recovery. Finished stages are kept, so that it can go on later"""

    bl_idname = "recover_motion.cancel"
    bl_label = "Cancel"
    bl_options: Final = {"INTERNAL"}

    job: bpy.props.StringProperty()

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Cancel the job of this name."""
        for job in session.queue.jobs:
            if job.name == self.job:
                session.queue.cancel(job)
        session.redraw()
        return {"FINISHED"}


class RecoverMotionDismiss(bpy.types.Operator):
    """Take this entry out of the list"""

    bl_idname = "recover_motion.dismiss"
    bl_label = "Dismiss"
    bl_options: Final = {"INTERNAL"}

    job: bpy.props.StringProperty()

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Forget the job of this name when it has ended."""
        session.queue.jobs[:] = [job for job in session.queue.jobs if job.active or job.name != self.job]
        session.redraw()
        return {"FINISHED"}


CLASSES: Final = (RecoverMotionRecover, RecoverMotionCancel, RecoverMotionDismiss)
