"""The installation that runs in this Blender session, if any, and what the last inspection found."""

import json
import subprocess
import threading
from collections.abc import Callable
from typing import Final

import bpy

from ..process import child
from . import locations
from .installer import Installer, Report

_INTERVAL_S: Final = 0.25
_INSPECTION_LIMIT_S: Final = 120.0

_installer: Installer | None = None
_report: Report | None = None
_inspection: list[str] = []
_inspecting = False

before_change: list[Callable[[], None]] = []
"""Called before the environment is built, repaired or removed: whoever uses it lets go of it."""


def installing() -> bool:
    """An installation runs."""
    return _installer is not None


def report() -> Report | None:
    """How far the installation is, or how the last one ended."""
    return _report


def inspection() -> list[str]:
    """Lines of the last inspection."""
    return list(_inspection)


def begin(installer: Installer) -> None:
    """Run an installation; it is watched by a timer."""
    global _installer, _report
    release()
    _installer, _report = installer, None
    _inspection.clear()
    installer.start()
    _watch()


def release() -> None:
    """Have everybody let go of the environment."""
    for callback in before_change:
        callback()


def cancel() -> None:
    """Stop the installation; what is there stays."""
    if _installer is not None:
        _installer.cancel()


def tick() -> bool:
    """Take in what the installation said; never waits. True while it runs."""
    global _installer, _report
    if _installer is None:
        return False
    for _report in _installer.poll():
        pass
    if _report is not None and _report.done:
        _installer = None
    return _installer is not None


def inspect() -> None:
    """Ask the backend's doctor in a thread; `inspection` has its findings when it is done.

    Raises:
        RecoverError: `MISSING_PART`, there is no backend to ask.
    """
    global _inspecting
    _inspection.clear()
    command = locations.backend_command()
    if _inspecting:
        return
    _inspecting = True
    _inspection[:] = ["Looking at the backend ..."]
    _watch()
    threading.Thread(target=_run_doctor, args=(command,), daemon=True).start()


def _run_doctor(command: "locations.Command") -> None:
    global _inspecting
    lines = ["PROBLEM: the inspection did not end as it should. Repair the environment."]
    try:
        lines = _findings(command)
    finally:
        _inspection[:] = lines
        _inspecting = False


def _findings(command: "locations.Command") -> list[str]:
    lines = []
    try:
        process = child.start(
            [command.python, "-m", "inference_backend", "doctor", "--json"],
            folder=command.package_folder,
            stderr=subprocess.DEVNULL,
            extra_environment={"PYTHONPYCACHEPREFIX": str(command.data_folder / "bytecode")},
        )
        try:
            output, _ = process.communicate(timeout=_INSPECTION_LIMIT_S)
        finally:
            child.end_tree(process)
        for finding in json.loads(output)["findings"]:
            if finding["ok"]:
                lines.append(f"OK: {finding['subject']}: {finding['state']}")
            else:
                lines.append(f"PROBLEM: {finding['subject']}: {finding['state']} {finding['remedy']}")
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        lines.append(f"PROBLEM: the backend could not be inspected: {error}. Repair its environment.")
    return lines


def _watch() -> None:
    if not bpy.app.timers.is_registered(_timer):
        bpy.app.timers.register(_timer, persistent=True)


def _timer() -> float | None:
    running = _inspecting  # before the redraw, so that the last finding is drawn too
    running = tick() or running
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
    return _INTERVAL_S if running else None


def register() -> None:
    """Nothing to do before an installation begins."""


def unregister() -> None:
    """Stop what runs, and forget it: the add-on may be enabled again in this session of Blender."""
    global _installer, _report
    cancel()
    _installer = _report = None
    if bpy.app.timers.is_registered(_timer):
        bpy.app.timers.unregister(_timer)
