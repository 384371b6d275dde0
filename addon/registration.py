"""What Blender is told of at start, and, in reverse, forgets at the end."""

from typing import Any, Final

import bpy

from .cleanup import ops as cleanup_ops
from .cleanup import panel as cleanup_panel
from .export import ops as export_ops
from .export import panel as export_panel
from .export import settings as export_settings
from .recover import import_result, origin, session, settings
from .recover import ops as recover_ops
from .recover import panel as recover_panel
from .retarget import ops as retarget_ops
from .retarget import overlay as retarget_overlay
from .retarget import panel as retarget_panel
from .retarget import settings as retarget_settings
from .setup import ops as setup_ops
from .setup import preferences
from .setup import session as setup_session

_CLASSES: Final[tuple[type, ...]] = (
    *preferences.CLASSES,
    *setup_ops.CLASSES,
    *settings.CLASSES,
    *origin.CLASSES,
    *recover_ops.CLASSES,
    *import_result.CLASSES,
    *cleanup_ops.CLASSES,
    *retarget_settings.CLASSES,
    *retarget_ops.CLASSES,
    *export_settings.CLASSES,
    *export_ops.CLASSES,
    *recover_panel.CLASSES,
    *cleanup_panel.CLASSES,
    *retarget_panel.CLASSES,
    *export_panel.CLASSES,
)
_MODULES: Final[tuple[Any, ...]] = (
    settings,
    export_settings,
    retarget_settings,
    retarget_overlay,
    origin,
    setup_session,
    session,
    import_result,
)
"""Modules with something to attach beyond their classes."""


def register() -> None:
    """Register everything."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """Undo `register`, last first."""
    for module in reversed(_MODULES):
        module.unregister()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
