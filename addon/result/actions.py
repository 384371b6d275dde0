"""Curves of `addon.core.keys` -> actions, in bulk: per curve a few calls, however many keys it has."""

from collections.abc import Iterable

import bpy
import numpy as np

from ..compat import ActionCurves
from ..core.keys import Curve


def _interpolation(name: str) -> int:
    return bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items[name].value


def write_action(name: str, id_type: str, curves: Iterable[Curve]) -> ActionCurves:
    """A new action that holds `curves`.

    Args:
        name: the action's name; Blender makes it unique.
        id_type: what the action animates: `OBJECT`, `CAMERA`.
    """
    target = ActionCurves(bpy.data.actions.new(name), id_type, name)
    constant, linear = _interpolation("CONSTANT"), _interpolation("LINEAR")
    for curve in curves:
        fcurve = target.new(curve.data_path, curve.index)
        fcurve.group = target.group(curve.group)
        points = fcurve.keyframe_points
        points.add(len(curve.frames))
        points.foreach_set("co", np.column_stack([curve.frames, curve.values]).astype(np.float32).ravel())
        points.foreach_set("interpolation", np.where(curve.held, constant, linear).astype(np.int32))
        fcurve.update()
    return target
