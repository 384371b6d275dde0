"""Where the add-on keeps what it writes, and which Python runs the backend."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import bpy

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..jobs.client import Command
from .environment import Environment, Requirements, State

if TYPE_CHECKING:
    from .preferences import RecoverMotionPreferences

PACKAGE_FOLDER: Final = Path(__file__).resolve().parents[2]
"""The installed extension, which holds both packages. Read only."""

ROOT_PACKAGE: Final = __package__.rsplit(".", 2)[0]
"""What Blender calls the add-on."""


def preferences() -> "RecoverMotionPreferences | None":
    """The add-on's preferences; None where it was registered without being installed."""
    entry = bpy.context.preferences.addons.get(ROOT_PACKAGE)
    return entry.preferences if entry else None


def data_folder() -> Path:
    """The folder for everything that is written, which need not exist; never the add-on's own.

    The preferences name it, else `RECOVER_MOTION_DATA`, else it is Blender's own place for it.
    """
    chosen = preferences()
    path = (chosen.data_folder if chosen else "") or os.environ.get("RECOVER_MOTION_DATA", "")
    if path:
        return Path(bpy.path.abspath(path))
    try:
        return Path(bpy.utils.extension_path_user(ROOT_PACKAGE, create=True))
    except ValueError:  # not installed as an extension
        return Path(bpy.utils.user_resource("DATAFILES", path="recover_motion", create=True))


def data_folder_problem() -> RecoverError | None:
    """Why nothing can be written into the data folder, which is made when absent."""
    folder = data_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK) else "you may not write there"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
    if not reason:
        return None
    return RecoverError(
        ErrorCode.BAD_OUTPUT,
        f"The data folder {folder} cannot be used: {reason}.",
        "Choose another in the add-on's preferences.",
    )


def requirements() -> Requirements:
    """What the backend's environment must hold."""
    folder = PACKAGE_FOLDER / "inference_backend" / "environment"
    return Requirements(folder / "backend.lock", folder / "torch.txt")


def environment() -> Environment:
    """The backend's environment, whether or not it exists."""
    return Environment(data_folder() / "environment")


def own_python() -> Path | None:
    """The interpreter that the person chose, or `RECOVER_MOTION_PYTHON` names; None for our environment."""
    chosen = preferences()
    path = (chosen.python if chosen else "") or os.environ.get("RECOVER_MOTION_PYTHON", "")
    return Path(bpy.path.abspath(path)) if path else None


def backend_command() -> Command:
    """How to start the backend.

    Raises:
        RecoverError: `MISSING_PART`, its environment is not installed, not complete or out of date; `BAD_OUTPUT`, the
            data folder cannot be used.
    """
    if problem := data_folder_problem():
        raise problem
    python = own_python()
    if python is None:
        state = environment().state(requirements())
        if state is not State.READY:
            raise RecoverError(
                ErrorCode.MISSING_PART, _SENTENCES[state], "Open the add-on's preferences to install it."
            )
        python = environment().python
    elif not python.is_file():
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The Python that was chosen for the backend is not there: {python}.",
            "Choose another in the add-on's preferences, or leave the field empty.",
        )
    return Command(python, PACKAGE_FOLDER, data_folder())


def backend_problem() -> RecoverError | None:
    """Why the backend cannot be started, for panels: looked up once a second at most, however often they draw."""
    global _looked, _problem
    if time.monotonic() - _looked > _LOOK_AGAIN_S:
        _problem = None
        try:
            backend_command()
        except RecoverError as error:
            _problem = error
        _looked = time.monotonic()
    return _problem


_LOOK_AGAIN_S: Final = 1.0
_looked = -_LOOK_AGAIN_S
_problem: RecoverError | None = None

_SENTENCES: Final = {
    State.MISSING: "The backend is not installed yet.",
    State.INCOMPLETE: "The backend's installation was not finished.",
    State.OUTDATED: "The backend was installed for another version of the add-on or of Blender.",
}
