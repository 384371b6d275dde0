"""Starting and ending child processes the same way on Windows, macOS and Linux: no console window, UTF-8, whole tree.

Imports neither bpy nor torch.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_WINDOWS = sys.platform == "win32"

_OWN_PYTHON = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONUSERBASE", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


def clean_environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """The environment for a child that is another Python: ours, without what would point it at Blender's packages.

    Args:
        extra: variables to set on top.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _OWN_PYTHON}
    environment |= {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8", "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}
    return environment | (extra or {})


def start(
    argv: Sequence[str | Path],
    *,
    folder: Path | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stderr: int | None = subprocess.STDOUT,
    extra_environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own, with its stdout on a pipe and no console window.

    Args:
        argv: program and arguments; never a shell string.
        folder: working folder, or None for the current one.
        stdin, stderr: as for `subprocess.Popen`.
        extra_environment: variables to set on top of `clean_environment()`.

    Raises:
        OSError: the program cannot be started.
    """
    options: dict = {}
    if _WINDOWS:
        options["creationflags"] = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        options["start_new_session"] = True
    return subprocess.Popen(
        [str(part) for part in argv],
        cwd=folder,
        env=clean_environment(extra_environment),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        **options,
    )


def end_tree(child: subprocess.Popen[bytes], grace_s: float = 2.0) -> None:
    """End a child and everything it started: politely first, by force after `grace_s` seconds. Safe to call twice."""
    if child.poll() is not None:
        return
    if _WINDOWS:
        # A tree can only be found from its root, so the root must not end first.
        command = ["taskkill", "/T", "/F", "/PID", str(child.pid)]
        subprocess.run(command, capture_output=True, check=False, creationflags=subprocess.CREATE_NO_WINDOW)
        child.wait()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=grace_s)
        # Also when the child itself ended in time: what it started may not have.
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
