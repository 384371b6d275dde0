"""The messages between the add-on and the backend (as lines of JSON: `message_lines`).

The only definition of them; both sides import it. It imports neither bpy, torch nor numpy. Arrays never travel
in messages: a result is named by the path of its `.npz`.

The backend speaks first (`Hello`); the client answers with `ClientHello`, and both compare `protocol`.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .errors import ErrorCode, RecoverError

# From the client (the add-on, or any other program that starts the backend).


@dataclass(frozen=True)
class ClientHello:
    """The client's half of the handshake.

    Attributes:
        protocol: the client's `versions.PROTOCOL_VERSION`.
        client: its name and version, for the log.
    """

    type: ClassVar[str] = "client_hello"
    protocol: int
    client: str = ""


@dataclass(frozen=True)
class Submit:
    """Asks for a job; it is queued behind those that run.

    Attributes:
        job: a name that the client chooses, unique in this process; all messages about the job carry it.
        video: path of the video file, or of an image sequence (its folder or first image).
        out: folder to write the result to; made when absent.
        start_s, end_s: range in seconds of the file's own time, end exclusive; None for the clip's start / end.
        contacts: path of a `.npz` with edited contacts (`result_format.load_contacts`), or None to find them.
        device: `auto`, `cpu`, `cuda` or `mps`.
        settings: `pipeline.settings.RecoverSettings` as JSON; what is left out keeps its default.
    """

    type: ClassVar[str] = "submit"
    job: str
    video: str
    out: str
    start_s: float | None = None
    end_s: float | None = None
    contacts: str | None = None
    device: str = "auto"
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cancel:
    """Asks to end a job, queued or running; answered by `JobCancelled` (or by `Result` when it was too late)."""

    type: ClassVar[str] = "cancel"
    job: str


@dataclass(frozen=True)
class Shutdown:
    """Asks the backend to end. Closing its stdin does the same."""

    type: ClassVar[str] = "shutdown"


# From the backend.


@dataclass(frozen=True)
class Hello:
    """The backend's half of the handshake: its first line.

    Attributes:
        protocol: its `versions.PROTOCOL_VERSION`.
        backend: its `versions.BACKEND_VERSION`.
        python: version of its Python.
        device: what `auto` means on this machine: `cpu`, `cuda` or `mps`; "" when torch cannot be used.
        log_file: path of the log file, which has the tracebacks; "" when none could be written.
    """

    type: ClassVar[str] = "hello"
    protocol: int
    backend: str
    python: str
    device: str
    log_file: str


@dataclass(frozen=True)
class Queued:
    """A job was accepted.

    Attributes:
        job: which.
        ahead: number of jobs that come before it, the running one included.
    """

    type: ClassVar[str] = "queued"
    job: str
    ahead: int


@dataclass(frozen=True)
class Started:
    """A job's turn has come."""

    type: ClassVar[str] = "started"
    job: str


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        job: which.
        stage: name of the stage that runs (`pipeline.progress.STAGE_SHARES`).
        fraction: of the stage, 0..1.
        overall: of the whole job, 0..1, never falling.
        frames_per_second: of the stage; None while unknown.
        seconds_left: estimate for the whole job; None while unknown.
        reused: the stage's output came from the cache.
    """

    type: ClassVar[str] = "progress"
    job: str
    stage: str
    fraction: float
    overall: float
    frames_per_second: float | None = None
    seconds_left: float | None = None
    reused: bool = False


@dataclass(frozen=True)
class Log:
    """A line for whoever looks for the cause of something.

    Attributes:
        level: `debug`, `info`, `warning` or `error`.
        text: the line.
        job: the job it belongs to, or None.
    """

    type: ClassVar[str] = "log"
    level: str
    text: str
    job: str | None = None


@dataclass(frozen=True)
class Note:
    """A sentence that the person should read next to the job's result: a fallback that was taken, say.

    Attributes:
        job: which.
        sentence: for the person.
        stage: the one that said so, now or when its kept output was made; "start" before the first.
    """

    type: ClassVar[str] = "note"
    job: str
    sentence: str
    stage: str = ""


@dataclass(frozen=True)
class Result:
    """A job is done.

    Attributes:
        job: which.
        result: path of `result.npz`.
        body: path of `body.npz` beside it.
        people: the persons' ids, as in the result's `person_ids`.
        notes: every note of the job, those of reused stages included; also in the result's `warnings`.
    """

    type: ClassVar[str] = "result"
    job: str
    result: str
    body: str
    people: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class JobCancelled:
    """A job was cancelled; its finished stages are kept."""

    type: ClassVar[str] = "cancelled"
    job: str


@dataclass(frozen=True)
class Error:
    """A job failed, or (job None) a message could not be followed.

    Attributes:
        code: an `errors.ErrorCode`; unknown codes of another version are to be read as `internal`.
        sentence: what is wrong, for a person.
        remedy: what to do about it, for a person.
        job: which job, or None.
    """

    type: ClassVar[str] = "error"
    code: str
    sentence: str
    remedy: str
    job: str | None = None

    @classmethod
    def of(cls, error: RecoverError, job: str | None = None) -> "Error":
        """The message for an error."""
        return cls(error.code.value, error.sentence, error.remedy, job)


ClientMessage = ClientHello | Submit | Cancel | Shutdown
BackendMessage = Hello | Queued | Started | Progress | Log | Note | Result | JobCancelled | Error
Message = ClientMessage | BackendMessage


def error_of(message: Error) -> RecoverError:
    """The error that a message carries, for the side that receives it."""
    try:
        code = ErrorCode(message.code)
    except ValueError:
        code = ErrorCode.INTERNAL
    return RecoverError(code, message.sentence, message.remedy)
