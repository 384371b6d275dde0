"""Runs one job and says everything about it in messages: what the service and the command line have in common."""

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..pipeline.cache import StageCache
from ..pipeline.device import is_out_of_memory
from ..pipeline.progress import JobProgress
from ..pipeline.recover import Job, recover
from ..pipeline.settings import RecoverSettings
from ..pipeline.stages import Stages
from ..protocol.errors import Cancelled, ErrorCode, RecoverError
from ..protocol.messages import BackendMessage, Error, JobCancelled, Note, Progress, Result, Started, Submit
from ..stages.estimate.registry import find_estimator

_log = logging.getLogger(__name__)


def job_of(submit: Submit) -> Job:
    """The job that a message asks for.

    Args:
        submit: its range, when given, overrides the one in its settings.

    Raises:
        RecoverError: `BAD_SETTING` for a setting that cannot be followed.
    """
    settings = RecoverSettings.from_json(submit.settings)
    find_estimator(settings.estimator)
    span = {"start_s": submit.start_s, "end_s": submit.end_s}
    span = {key: value for key, value in span.items() if value is not None}
    return Job(
        video=Path(submit.video),
        out=Path(submit.out),
        settings=replace(settings, frames=replace(settings.frames, **span)),
        contacts=None if submit.contacts is None else Path(submit.contacts),
        device=submit.device,
    )


def run_job(
    submit: Submit,
    cache: StageCache,
    cancelled: threading.Event,
    send: Callable[[BackendMessage], None],
    log_file: Path | None,
    stages: Stages | None = None,
) -> Result | Error | JobCancelled:
    """Run a job to its end, whatever that is; nothing is raised.

    A folder that was made for the result goes again when none is written into it.

    Args:
        submit: what is asked for.
        cache: keeps finished stages.
        cancelled: once set, the job ends between two batches.
        send: receives every message about the job, the last one included.
        log_file: named in the remedy of an internal error.
        stages: in place of the product's.

    Returns:
        The last message.
    """
    name, stage = submit.job, "start"
    is_new = _is_absent(Path(submit.out))

    def report(message: Progress) -> None:
        nonlocal stage
        stage = message.stage
        send(message)

    send(Started(name))
    last: Result | Error | JobCancelled
    try:
        progress = JobProgress(name, report)
        done = recover(
            job_of(submit),
            cache,
            progress,
            cancelled,
            lambda sentence: send(Note(name, sentence, stage)),
            stages=stages,
        )
        last = Result(name, str(done.result), str(done.body), list(done.people), list(done.notes))
    except Cancelled:
        last = JobCancelled(name)
    except RecoverError as error:
        _log.warning("job %s failed in the stage %s: %s", name, stage, error, exc_info=error)
        last = Error.of(error, name)
    except Exception as error:
        _log.exception("job %s failed in the stage %s", name, stage)
        last = Error.of(_unexpected(error, stage, log_file), name)
    if is_new and not isinstance(last, Result):
        with contextlib.suppress(OSError, ValueError):
            Path(submit.out).rmdir()
    send(last)
    return last


def _is_absent(folder: Path) -> bool:
    try:
        return not folder.exists()
    except (OSError, ValueError):  # a path that there cannot be; the result's stage says what is wrong
        return False


def _unexpected(error: Exception, stage: str, log_file: Path | None) -> RecoverError:
    if is_out_of_memory(error):
        return RecoverError(
            ErrorCode.OUT_OF_MEMORY,
            f"There is not enough memory (stage {stage}).",
            "Close other programs, or recover a shorter range.",
        )
    return RecoverError(
        ErrorCode.INTERNAL,
        f"An unexpected error stopped the stage {stage}: {type(error).__name__}: {str(error)[:300]}.",
        "Please report it" + (f" and attach the log file {log_file}." if log_file else "."),
    )
