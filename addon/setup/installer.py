"""Builds or repairs the backend's environment in a background thread, step by step.

Every step is a child process, so Blender never waits. Finished steps are not repeated: pip skips what is installed and
keeps what it downloaded, so an interrupted installation goes on where it stopped. Imports neither bpy nor torch.
"""

import queue
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..process import child
from .environment import Environment, Requirements, free_disk_mb
from .variants import Variant

_PIP = "pip==26.3"
_WINDOWS_LIMIT = 259
_LONGEST_INSIDE = 200
"""Characters below the environment's folder of the longest file that the packages have."""
_PROGRESS = re.compile(r"^Progress (\d+) of (\d+)")
_COLLECTING = re.compile(r"^(?:Collecting|Downloading|Installing collected packages:?|Using cached) ?(\S*)")


@dataclass(frozen=True)
class Step:
    """One child process of the installation and its share of the progress bar."""

    label: str
    argv: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class Report:
    """How far the installation is; `error` and `remedy` are sentences, empty while all is well."""

    label: str
    fraction: float
    done: bool = False
    error: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Source:
    """Where packages come from.

    Attributes:
        base_python: interpreter that the venv is made with.
        wheels: folder of wheels for an installation without a network, or None.
    """

    base_python: Path
    wheels: Path | None = None


def steps(environment: Environment, requirements: Requirements, variant: Variant, source: Source) -> Iterator[Step]:
    """The child processes that build `environment`, in order."""
    python = str(environment.python)
    pip = (python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar")
    yield Step("Making the environment", (str(source.base_python), "-m", "venv", str(environment.folder)), 0.02)
    if source.wheels:
        pip = (*pip, "off", "--no-index", "--find-links", str(source.wheels))
        torch_origin: tuple[str, ...] = ()
    else:
        # The pip that a venv starts with is as old as its Python; only newer ones report bytes to a pipe.
        yield Step("Preparing the download", (*pip, "off", _PIP), 0.01)
        pip = (*pip, "raw")
        torch_origin = ("--extra-index-url", variant.torch_index) if variant.torch_index else ()
    yield Step(
        "Installing packages",
        (*pip, "--no-deps", "--require-hashes", "-r", str(requirements.lock)),
        0.37,
    )
    yield Step("Installing torch", (*pip, *torch_origin, "-r", str(requirements.torch)), 0.57)
    yield Step("Checking", (python, "-c", "import torch, numpy"), 0.03)


class Installer:
    """Runs the steps in a thread. Call `poll()` from Blender's timer; call `cancel()` to stop."""

    def __init__(self, environment: Environment, requirements: Requirements, variant: Variant, source: Source) -> None:
        self._environment = environment
        self._requirements = requirements
        self._variant = variant
        self._source = source
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="recover-motion-setup", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def poll(self) -> list[Report]:
        """Reports since the last call; never waits. The last one has `done`."""
        reports = []
        while not self._reports.empty():
            reports.append(self._reports.get())
        return reports

    def cancel(self) -> None:
        """Stop soon; what is installed stays, so that a later installation goes on from there."""
        self._cancelled.set()
        with self._lock:
            running = self._child
        if running is not None:
            child.end_tree(running)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end (tests and quitting)."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            last = self._before() or self._build()
        except OSError as error:
            last = Report(
                "Failed",
                0.0,
                done=True,
                error=f"The environment in {self._environment.folder} could not be written: {error}.",
                remedy="Choose another folder in the preferences, or free the disk, and install again.",
            )
        self._reports.put(last)

    def _build(self) -> Report:
        self._environment.write_stamp(self._variant, self._requirements, complete=False)
        problem = self._run_steps()
        if problem is not None:
            return problem
        self._environment.write_stamp(self._variant, self._requirements, complete=True)
        return Report("Ready", 1.0, done=True)

    def _before(self) -> Report | None:
        folder, needed = self._environment.folder, self._variant.disk_mb
        free = free_disk_mb(folder)
        if free < needed:
            return Report(
                "Not enough disk space",
                0.0,
                done=True,
                error=f"{folder} has {free} MB free, and the environment needs {needed} MB.",
                remedy="Free some space, or choose a folder on another disk in the preferences.",
            )
        if (
            sys.platform == "win32"
            and len(str(folder)) + _LONGEST_INSIDE > _WINDOWS_LIMIT
            and not _long_paths_allowed()
        ):
            return Report(
                "Path too long",
                0.0,
                done=True,
                error=f"Windows allows no paths as long as those that the environment in {folder} would have.",
                remedy="Choose a short data folder in the preferences, such as C:\\RecoverMotion, or allow long paths.",
            )
        if self._source.wheels is not None and not any(self._source.wheels.glob("*.whl")):
            return Report(
                "No wheels",
                0.0,
                done=True,
                error=f"The folder {self._source.wheels} holds no .whl files.",
                remedy="Choose the folder that the packages were downloaded to, or install from the network.",
            )
        return None

    def _run_steps(self) -> Report | None:
        done = 0.0
        for step in steps(self._environment, self._requirements, self._variant, self._source):
            self._reports.put(Report(step.label, done))
            output: deque[str] = deque(maxlen=40)
            with self._lock:  # `cancel` either comes before and is seen here, or finds this child
                if self._cancelled.is_set():
                    return _cancelled(done)
                self._child = child.start(step.argv)
            for line in self._lines(self._child):
                if progress := _PROGRESS.match(line):
                    current, total = int(progress[1]), max(int(progress[2]), 1)
                    self._reports.put(Report(f"{step.label}: {current / 1e6:.0f} of {total / 1e6:.0f} MB", done))
                    continue
                output.append(line)
                if package := _COLLECTING.match(line):
                    self._reports.put(Report(f"{step.label}: {package[1] or 'unpacking'}", done))
            status = self._child.wait()
            if self._cancelled.is_set():
                return _cancelled(done)
            if status != 0:
                return _failed(step, status, output)
            done += step.share
        return None

    @staticmethod
    def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
        assert process.stdout is not None
        for raw in process.stdout:
            yield raw.decode("utf-8", "replace").rstrip()


def _long_paths_allowed() -> bool:
    import winreg  # Windows only

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except OSError:
        return False


def _cancelled(fraction: float) -> Report:
    return Report(
        "Cancelled",
        fraction,
        done=True,
        error="The installation was cancelled.",
        remedy="Install again to go on from where it stopped.",
    )


def _failed(step: Step, status: int, output: deque[str]) -> Report:
    telling = [line for line in output if line.startswith(("ERROR", "error", "OSError", "ModuleNotFoundError"))]
    reason = (telling or list(output) or [f"exit status {status}"])[-1]
    return Report(
        "Failed",
        0.0,
        done=True,
        error=f"{step.label} failed: {reason}",
        remedy="Check the network connection (or the folder of wheels) and install again; finished downloads are kept.",
    )
