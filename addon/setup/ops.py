"""The buttons of the preferences: install, repair, inspect and remove the backend's environment."""

import sys
from pathlib import Path
from typing import Final

import bpy

from ...inference_backend.protocol.errors import RecoverError
from . import locations, session
from .installer import Installer, Source
from .preferences import base_python
from .variants import variant


class RecoverMotionInstall(bpy.types.Operator):
    """Install the backend's packages into an environment of their own, or go on with an installation"""

    bl_idname = "recover_motion.install"
    bl_label = "Install Backend"
    bl_options: Final = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Begin; the preferences show how far it is."""
        chosen = locations.preferences()
        if chosen is None or session.installing():
            return {"CANCELLED"}
        wheels = Path(bpy.path.abspath(chosen.wheels)) if chosen.wheels else None
        if wheels is None and not bpy.app.online_access:
            self.report(
                {"ERROR"},
                "Blender is set to work offline. Allow online access in Preferences > System, "
                "or choose a folder of offline packages.",
            )
            return {"CANCELLED"}
        kind = variant(chosen.variant, sys.platform)
        source = Source(base_python(chosen), wheels)
        session.begin(Installer(locations.environment(), locations.requirements(), kind, source))
        return {"FINISHED"}


class RecoverMotionCancelInstall(bpy.types.Operator):
    """Stop the installation. What is downloaded stays, so that it can go on later"""

    bl_idname = "recover_motion.cancel_install"
    bl_label = "Cancel"
    bl_options: Final = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Stop."""
        session.cancel()
        return {"FINISHED"}


class RecoverMotionInspect(bpy.types.Operator):
    """Check that everything the backend needs is there"""

    bl_idname = "recover_motion.inspect"
    bl_label = "Inspect"
    bl_options: Final = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Begin; the findings appear in the preferences."""
        try:
            session.inspect()
        except RecoverError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class RecoverMotionRemove(bpy.types.Operator):
    """Delete the backend's environment from the disk"""

    bl_idname = "recover_motion.remove"
    bl_label = "Remove"
    bl_options: Final = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Delete it."""
        if session.installing():
            return {"CANCELLED"}
        session.release()
        try:
            locations.environment().remove()
        except OSError as error:
            self.report({"ERROR"}, f"The environment could not be removed: {error}")
            return {"CANCELLED"}
        return {"FINISHED"}


class RecoverMotionOpenPreferences(bpy.types.Operator):
    """Show the preferences of Recover Motion"""

    bl_idname = "recover_motion.open_preferences"
    bl_label = "Open Preferences"
    bl_options: Final = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Open them, unfolded."""
        bpy.ops.preferences.addon_show(module=locations.ROOT_PACKAGE)
        return {"FINISHED"}


CLASSES: Final = (
    RecoverMotionInstall,
    RecoverMotionCancelInstall,
    RecoverMotionInspect,
    RecoverMotionRemove,
    RecoverMotionOpenPreferences,
)
