"""A recovery from the click to the built scene, as the panel shows it. Imports neither bpy nor torch."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ...inference_backend.protocol import messages
from ...inference_backend.protocol.errors import RecoverError
from ...inference_backend.protocol.result_format import BODY_NAME, RESULT_NAME


class JobState(StrEnum):
    """Where a job is."""

    WAITING = "waiting"  # for the backend, or behind another job
    RUNNING = "running"
    BUILDING = "building"  # recovered; its objects are being made in the scene
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (JobState.WAITING, JobState.RUNNING, JobState.BUILDING)


@dataclass
class Job:
    """One recovery.

    Attributes:
        name: unique in this Blender session.
        label: what the person sees, say the strip's name.
        request: what the backend is asked.
        build: makes the result visible, in steps; yields how far it is, 0..1.
        own_stages: the stages whose notes are news with this job; None for all of them.
        cancelling: the person wants it to end; it will as soon as the backend hears of it.
        state, stage, fraction, overall, frames_per_second, seconds_left: progress, for display.
        notes: sentences to read next to the result.
        summary: what was recovered, in a line.
        error: why it failed.
        result: path of the result file once recovered.
    """

    name: str
    label: str
    request: messages.Submit
    build: Callable[["Job"], Iterator[float]]
    own_stages: frozenset[str] | None = None
    cancelling: bool = False
    state: JobState = JobState.WAITING
    stage: str = ""
    fraction: float = 0.0
    overall: float = 0.0
    frames_per_second: float | None = None
    seconds_left: float | None = None
    notes: list[str] = field(default_factory=list)
    summary: str = ""
    error: RecoverError | None = None
    result: Path | None = None
    _old_notes: set[str] = field(default_factory=set)

    @property
    def active(self) -> bool:
        """Not at its end yet."""
        return self.state in ACTIVE

    def fail(self, error: RecoverError) -> None:
        """End with an error; what was recovered before stays."""
        self.state, self.error = JobState.FAILED, error
        self.discard()

    def cancel(self) -> None:
        """End because the person wants it, once the backend does not work on it."""
        self.state = JobState.CANCELLED
        self.discard()

    def discard(self) -> None:
        """Remove the folder that was meant for a result which does not come; one with anything else in it stays."""
        if self.result is not None:
            return
        folder = Path(self.request.out)
        with contextlib.suppress(OSError):
            for file in (folder / RESULT_NAME, folder / BODY_NAME, *folder.glob(".*.part")):
                file.unlink(missing_ok=True)
            folder.rmdir()

    def update(self, message: messages.BackendMessage) -> None:
        """Take in a message about this job."""
        match message:
            case messages.Started():
                self.state = JobState.RUNNING
            case messages.Progress():
                self.state = JobState.RUNNING
                self.stage, self.fraction, self.overall = message.stage, message.fraction, message.overall
                self.frames_per_second, self.seconds_left = message.frames_per_second, message.seconds_left
            case messages.Note() if self.own_stages is not None and message.stage not in self.own_stages:
                self._old_notes.add(message.sentence)
            case messages.Note():
                self.notes.append(message.sentence)
            case messages.JobCancelled():
                self.cancel()
            case messages.Error():
                self.fail(messages.error_of(message))
            case messages.Result() if self.cancelling:  # too late for the backend, not for the person
                self.cancel()
            case messages.Result():
                self.state, self.overall = JobState.BUILDING, 1.0
                self.stage, self.fraction, self.seconds_left = "scene", 0.0, None
                self.result = Path(message.result)
                self.notes = [note for note in message.notes if note not in self._old_notes]
