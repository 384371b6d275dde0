"""Curves of `addon.core.keys` -> actions, in bulk: per curve a few calls, however many keys it has."""

from collections.abc import Iterable

import bpy
import numpy as np
from numpy.typing import NDArray

from ..compat import ActionCurves
from ..core.keys import Curve


def write_action(name: str, id_type: str, curves: Iterable[Curve]) -> ActionCurves:
    """A new action that holds `curves`.

    Args:
        name: the action's name; Blender makes it unique.
        id_type: what the action animates: `OBJECT`, `CAMERA`.
    """
    target = ActionCurves(bpy.data.actions.new(name), id_type, name)
    for curve in curves:
        fcurve = target.new(curve.data_path, curve.index)
        fcurve.group = target.group(curve.group)
        write_keys(fcurve, curve)
    return target


def write_keys(fcurve: bpy.types.FCurve, curve: Curve) -> None:
    """Give an animation curve without keys those of `curve`."""
    keys = np.column_stack([curve.frames, curve.values]).astype(np.float32)
    left, right = _handles(keys)
    # FCurve.update() would sort the keys, which are sorted, and place the handles: most of the time of all this
    points = fcurve.keyframe_points
    points.add(len(keys))
    points.foreach_set("co", keys.ravel())
    points.foreach_set("handle_left", left.ravel())
    points.foreach_set("handle_right", right.ravel())
    # an enumeration is stored in a byte, and only an array of bytes is copied in one go
    held, straight = _interpolation("CONSTANT"), _interpolation("LINEAR")
    points.foreach_set("interpolation", np.where(curve.held, held, straight).astype(np.uint8))


def _interpolation(name: str) -> int:
    return bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items[name].value


def _handles(keys: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Handles on the straight lines between keys `[N,2]`, for whoever turns the curve into a smooth one."""
    thirds = np.diff(keys, axis=0) / 3
    if len(thirds) == 0:
        thirds = np.array([[1.0, 0.0]], dtype=np.float32)
        return keys - thirds, keys + thirds
    return keys - np.vstack([thirds[:1], thirds]), keys + np.vstack([thirds, thirds[-1:]])
