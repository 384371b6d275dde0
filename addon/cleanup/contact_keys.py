"""The contact curves of an armature: read them, and change a span of them."""

from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ...inference_backend.protocol.skeleton import CONTACT_POINTS
from ..compat import existing_curves
from ..core.contacts import GROUP, contact_path, set_span
from ..core.keys import Curve
from ..recover.origin import is_ours
from ..result.actions import write_keys

Keys = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Scene frames and values."""


def contact_keys(armature: bpy.types.Object) -> dict[str, Keys]:
    """Keys of the contact curves in the action in use, by contact point; points without a curve are left out."""
    found = existing_curves(armature)
    if found is None:
        return {}
    curves = {fcurve.data_path: fcurve for fcurve in found[1].fcurves}
    return {point: _keys(curves[contact_path(point)]) for point in CONTACT_POINTS if contact_path(point) in curves}


def own_curves(armature: bpy.types.Object) -> Any:
    """The curves of the action in use (a collection `fcurves`, another `groups`), which must be one that we made.

    Raises:
        RecoverError: `BAD_SETTING`, there is none, or it is the user's own, or it is linked from another file.
    """
    found = existing_curves(armature)
    if found is None or not is_ours(found[0]):
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The action that {armature.name!r} uses was not made by Recover Motion, so it is left alone.",
            "Make the action that Recover Motion made the active one again.",
        )
    if found[0].library is not None:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The action that {armature.name!r} uses is linked from {found[0].library.filepath}, where it cannot be "
            "changed.",
            "Open that file and clean the motion there, or make the action local first.",
        )
    return found[1]


def mark_contact(armature: bpy.types.Object, points: Iterable[str], start: int, stop: int, *, contact: bool) -> None:
    """Set whether points of the feet stand on the floor over a span of scene frames.

    Args:
        armature: one that was recovered.
        points: of `CONTACT_POINTS`.
        start, stop: scene frames, `stop` exclusive.
        contact: they do, or they do not.

    Raises:
        RecoverError: `BAD_SETTING`, the span is empty or the armature has no motion of ours in use.
    """
    if stop <= start:
        raise RecoverError(
            ErrorCode.BAD_SETTING, f"The contact ends (frame {stop - 1}) before it starts ({start}).", "Swap them."
        )
    bag = own_curves(armature)
    before = contact_keys(armature)
    for point in points:
        frames, values = set_span(*before.get(point, (np.zeros(0), np.zeros(0))), start, stop, contact)
        replace_curve(bag, Curve(contact_path(point), 0, GROUP, frames, values, np.ones(len(frames), dtype=bool)))


def replace_curve(bag: bpy.types.ID, curve: Curve) -> None:
    """Put `curve` in the place of the one with its data path and index, or beside the others."""
    old = bag.fcurves.find(curve.data_path, index=curve.index)
    if old is not None:
        bag.fcurves.remove(old)
    fcurve = bag.fcurves.new(curve.data_path, index=curve.index)
    fcurve.group = bag.groups.get(curve.group) or bag.groups.new(curve.group)
    write_keys(fcurve, curve)


def _keys(fcurve: bpy.types.FCurve) -> Keys:
    co = np.zeros(2 * len(fcurve.keyframe_points), dtype=np.float32)
    fcurve.keyframe_points.foreach_get("co", co)
    pairs = co.reshape(-1, 2).astype(np.float64)
    return pairs[:, 0], pairs[:, 1]
