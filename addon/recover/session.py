"""The jobs of this Blender session, and what drives them: a timer in a window, a loop without one."""

import logging
import time
from typing import Final

import bpy

from ...inference_backend.protocol.errors import RecoverError
from ..jobs.job import Job
from ..jobs.job_queue import JobQueue
from ..setup import session as setup_session
from ..setup.locations import backend_command

logger = logging.getLogger(__name__)

_BUSY_S: Final = 0.1
_IDLE_S: Final = 1.0
_REDRAWN: Final = {"SEQUENCE_EDITOR", "VIEW_3D", "PREFERENCES"}

queue = JobQueue(f"Blender {bpy.app.version_string}")
"""All jobs; also those that ended, until they are dismissed."""


def submit(job: Job) -> None:
    """Queue a job and see to it that it is driven.

    Raises:
        RecoverError: the backend is not installed or cannot be started.
    """
    try:
        queue.submit(job, backend_command())
    except RecoverError:
        job.discard()
        raise
    if not bpy.app.timers.is_registered(_timer):
        bpy.app.timers.register(_timer, persistent=True)


def tick() -> bool:
    """Drive the jobs by one step; never waits. True when the panel should be drawn again."""
    return queue.tick()


def wait(job: Job) -> None:
    """Drive the jobs until `job` ends (scripts and Blender without a window, where timers do not fire)."""
    while job.active:
        if not tick():
            time.sleep(0.02)


def redraw() -> None:
    """Draw our panels again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in _REDRAWN:
                area.tag_redraw()


def _timer() -> float | None:
    # The renderer reads the scene meanwhile. Messages wait.
    if bpy.app.is_job_running("RENDER"):
        return _IDLE_S
    if tick():
        redraw()
    if queue.busy:
        return _BUSY_S
    return _IDLE_S if queue.running else None


@bpy.app.handlers.persistent
def _before_load(*_: object) -> None:
    # Results belong to the file they were asked from. What is finished stays in the cache; an idle backend stays too.
    if queue.busy:
        queue.close()


@bpy.app.handlers.persistent
def _after_undo(*_: object) -> None:
    queue.build_again()


def _release_backend() -> None:
    """Let go of the backend, whose environment is about to change."""
    queue.close(timeout_s=3.0)


def register() -> None:
    """Watch for another file being opened, for undo, and for changes of the backend's environment."""
    bpy.app.handlers.load_pre.append(_before_load)
    bpy.app.handlers.undo_post.append(_after_undo)
    bpy.app.handlers.redo_post.append(_after_undo)
    setup_session.before_change.append(_release_backend)


def unregister() -> None:
    """End everything: the add-on is disabled, or Blender quits."""
    bpy.app.handlers.load_pre.remove(_before_load)
    bpy.app.handlers.undo_post.remove(_after_undo)
    bpy.app.handlers.redo_post.remove(_after_undo)
    setup_session.before_change.remove(_release_backend)
    if bpy.app.timers.is_registered(_timer):
        bpy.app.timers.unregister(_timer)
    queue.close(timeout_s=3.0)
    queue.jobs.clear()
