"""The add-on's preferences: the backend's environment, and where things are kept."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import bpy

from ..wrapped_label import wrapped
from . import locations, session
from .environment import State, free_disk_mb
from .variants import variant, variants

_STATES: Final = {
    State.MISSING: ("Not installed", "ERROR"),
    State.INCOMPLETE: ("Not finished: install to go on", "ERROR"),
    State.OUTDATED: ("Out of date: repair to build it again", "ERROR"),
    State.READY: ("Ready", "CHECKMARK"),
}


def _make_absolute(name: str) -> Callable[[bpy.types.AddonPreferences, bpy.types.Context], None]:
    """For paths in the preferences: `//` means the folder of the .blend file, and the preferences outlive that."""

    def update(self: bpy.types.AddonPreferences, _context: bpy.types.Context) -> None:
        path = getattr(self, name)
        if path.startswith("//"):
            setattr(self, name, str(Path(bpy.path.abspath(path)).absolute()))

    return update


class RecoverMotionPreferences(bpy.types.AddonPreferences):
    """What is set once."""

    bl_idname = __package__.rsplit(".", 2)[0]

    variant: bpy.props.EnumProperty(
        name="Build",
        description="Which build of torch to install",
        items=[(entry.name, entry.label, entry.description) for entry in variants(sys.platform)],
    )
    python: bpy.props.StringProperty(
        name="Own Python",
        description="Interpreter of an environment of your own that has all the packages; empty to use the one below",
        subtype="FILE_PATH",
        update=_make_absolute("python"),
    )
    base_python: bpy.props.StringProperty(
        name="Made With",
        description="Python (3.11 to 3.13) to make the environment with; empty for Blender's, which is left as it is",
        subtype="FILE_PATH",
        update=_make_absolute("base_python"),
    )
    wheels: bpy.props.StringProperty(
        name="Offline Packages",
        description="Folder of wheels to install from without a network; empty to download",
        subtype="DIR_PATH",
        update=_make_absolute("wheels"),
    )
    data_folder: bpy.props.StringProperty(
        name="Data Folder",
        description="Where the environment, results and the cache are kept; empty for Blender's own place for it",
        subtype="DIR_PATH",
        update=_make_absolute("data_folder"),
    )

    def draw(self, context: bpy.types.Context) -> None:
        """The environment's state, what can be done about it, and the paths."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "python")
        if self.python:
            layout.label(text="The environment below is not used while this is set.", icon="INFO")
        problem = locations.data_folder_problem()
        if problem is None:
            self._draw_environment(layout.box(), context.region.width)
        layout.prop(self, "data_folder")
        if problem is not None:
            wrapped(layout, str(problem), "ERROR", context.region.width)

    def _draw_environment(self, box: bpy.types.UILayout, width: int) -> None:
        environment = locations.environment()
        report = session.report()
        if session.installing():
            box.label(text=report.label if report else "Starting")
            box.progress(factor=report.fraction if report else 0.0, type="BAR")
            box.operator("recover_motion.cancel_install", icon="CANCEL")
            return
        state = environment.state(locations.requirements())
        text, icon = _STATES[state]
        box.label(text=f"Backend: {text}", icon=icon)
        box.label(text=str(environment.folder), icon="FILE_FOLDER")
        if report is not None and report.error:
            wrapped(box, report.error, "ERROR", width)
            wrapped(box, report.remedy, "INFO", width)
        column = box.column()
        column.prop(self, "variant")
        column.prop(self, "base_python")
        column.prop(self, "wheels")
        chosen = variant(self.variant, sys.platform)
        free = free_disk_mb(environment.folder)
        cost = f"Downloads about {chosen.download_mb} MB and takes {chosen.disk_mb} MB; {free} MB are free."
        box.label(text=cost, icon="DISK_DRIVE")
        row = box.row()
        row.operator("recover_motion.install", text="Install" if state is State.MISSING else "Repair", icon="IMPORT")
        row.operator("recover_motion.inspect", icon="VIEWZOOM")
        row.operator("recover_motion.remove", icon="TRASH")
        for line in session.inspection():
            wrapped(box, line, "INFO", width)


def base_python(preferences: RecoverMotionPreferences) -> Path:
    """The interpreter to make the environment with."""
    return Path(bpy.path.abspath(preferences.base_python)) if preferences.base_python else Path(sys.executable)


CLASSES: Final = (RecoverMotionPreferences,)
