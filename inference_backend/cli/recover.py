"""`recover`: one job from the command line."""

import argparse
import json
import signal
import threading
from pathlib import Path
from typing import Any

from ..pipeline.cache import StageCache
from ..pipeline.stages import Stages
from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.messages import Error, JobCancelled, Submit, error_of
from ..service.logs import forward_log, start_log
from ..service.pipes import MessageWriter, keep_stderr, keep_stdout
from ..service.run_job import job_of, run_job
from .exit_codes import DONE, EXIT_CODES
from .intrinsics import read_intrinsics
from .progress_bar import ProgressBar

_JOB = "recover"

_CLEAN_UP = {
    "contact_height": ("contacts", "height_m"),
    "contact_speed": ("contacts", "speed_mps"),
    "lock_strength": ("foot_lock", "strength"),
    "lock_blend": ("foot_lock", "blend_s"),
    "smoothing": ("foot_lock", "smoothing_s"),
    "physics": ("physics", "mode"),
    "physics_pose": ("physics", "pose_from"),
    "trajectory": ("trajectory", "trigger"),
    "people": ("people", "people"),
    "focal": ("camera", "focal_px"),
    "camera_motion": ("camera", "motion"),
    "image_fps": ("frames", "image_fps"),
}
"""Options that are a setting of a stage."""


def run(arguments: argparse.Namespace, stages: Stages | None = None) -> int:
    """Run the job that the arguments describe.

    Args:
        arguments: of `arguments.build_parser`.
        stages: in place of the product's.

    Returns:
        The exit status.

    Raises:
        RecoverError: an argument that cannot be followed, before any work.
    """
    submit = submit_of(arguments)
    job_of(submit)
    cancelled = threading.Event()
    _cancel_on_interrupt(cancelled)
    log_file = start_log(None, arguments.cache / "logs")
    if arguments.json:
        send: Any = MessageWriter(keep_stdout())
        forward_log(send)
    else:
        send = ProgressBar(keep_stderr(log_file))
    last = run_job(submit, StageCache(arguments.cache), cancelled, send, log_file, stages)
    if isinstance(last, JobCancelled):
        _say(send, "Cancelled; finished stages are kept, and the same command goes on from there.")
        return EXIT_CODES[ErrorCode.CANCELLED]
    if isinstance(last, Error):
        _say(send, f"Error: {last.sentence}\n{last.remedy}")
        return EXIT_CODES[error_of(last).code]
    people = f"{len(last.people)} {'person' if len(last.people) == 1 else 'people'}"
    _say(send, f"{people}: {last.result}")
    return DONE


def submit_of(arguments: argparse.Namespace) -> Submit:
    """The job message for a command line.

    Raises:
        RecoverError: a file of settings or intrinsics cannot be used.
    """
    settings: dict[str, Any] = _read_settings(Path(arguments.settings)) if arguments.settings else {}
    for option in ("estimator", "body", "estimator_body"):
        if getattr(arguments, option) is not None:
            settings[option] = getattr(arguments, option)
    given = {_CLEAN_UP[option]: value for option in _CLEAN_UP if (value := getattr(arguments, option)) is not None}
    if arguments.intrinsics is not None:
        given["camera", "K"], given["camera", "dist"] = read_intrinsics(Path(arguments.intrinsics))
    for (stage, name), value in given.items():
        own = settings.setdefault(stage, {})
        if isinstance(own, dict):  # else the settings' reader says what is wrong
            own[name] = value
    return Submit(
        job=_JOB,
        video=arguments.video,
        out=arguments.out,
        start_s=arguments.start,
        end_s=arguments.end,
        contacts=arguments.contacts,
        device=arguments.device,
        settings=settings,
    )


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f'The settings file "{path}" cannot be read as JSON ({reason}).',
            'Write it like {"foot_lock": {"strength": 0.8}}.',
        ) from error
    if not isinstance(data, dict):
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f'The settings file "{path}" holds no JSON object.',
            'Write it like {"foot_lock": {"strength": 0.8}}.',
        )
    return data


def _cancel_on_interrupt(cancelled: threading.Event) -> None:
    """Ctrl-C ends the job between two batches; a second one ends the program where it is."""

    def interrupt(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        threading.Thread(target=cancelled.set).start()

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def _say(send: Any, text: str) -> None:
    if isinstance(send, ProgressBar):
        send.print(text)
