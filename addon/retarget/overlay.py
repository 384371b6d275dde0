"""A drawing of the recovered joints beside the rig that shows them, in the 3D viewport."""

from typing import Any, Final

import bpy
import numpy as np

from ...inference_backend.protocol.errors import RecoverError
from ...inference_backend.protocol.skeleton import BODY_JOINTS, BODY_PARENTS
from ..core.retarget.path import leg_length
from ..core.retarget.preset import LIMBS
from ..core.retarget.rotations import angle_between
from ..core.retarget.skeletons import Array
from .check import limb_pairs
from .settings import RecoverMotionPair

_GOOD: Final = (0.25, 0.85, 0.45, 1.0)
_OFF: Final = (0.95, 0.25, 0.2, 1.0)
_ALLOWED: Final = np.radians(5.0)
_handle: Any = None


def lines(pair: RecoverMotionPair, beside: float) -> list[tuple[Array, Array, bool]]:
    """Bones to draw: start, end `[3]` in the world, and whether the rig's bone points the same way.

    Args:
        pair: with source, target and map.
        beside: metres to the side of the rig.
    """
    source, target = pair.source, pair.target
    scale = _scale(pair)
    shift = np.array(target.matrix_world.translation) + np.array([beside, 0.0, 0.0])
    base = np.array(source.matrix_world.translation)
    places = {
        name: shift + scale * (np.array(source.matrix_world @ source.pose.bones[name].head) - base)
        for name in BODY_JOINTS
    }
    off = _off(pair)
    return [
        (places[BODY_JOINTS[parent]], places[name], BODY_JOINTS[parent] not in off)
        for name, parent in zip(BODY_JOINTS, BODY_PARENTS, strict=True)
        if parent >= 0
    ]


def _off(pair: RecoverMotionPair) -> set[str]:
    """The source's joints whose limb the rig shows pointing elsewhere."""
    off = set()
    source, target = pair.source, pair.target
    mirrored = target.matrix_world.is_negative
    for _, a, b, bone_a, bone_b in limb_pairs(pair.bone_map(), mirrored=mirrored):
        if b in source.pose.bones and bone_b in target.pose.bones:
            ours = source.matrix_world.to_3x3() @ (source.pose.bones[b].head - source.pose.bones[a].head)
            theirs = target.matrix_world.to_3x3() @ (target.pose.bones[bone_b].head - target.pose.bones[bone_a].head)
            if angle_between(np.array(ours), np.array(theirs)) > _ALLOWED:
                off.add(a)
    return off


def _scale(pair: RecoverMotionPair) -> float:
    rest = {
        part: np.array(pair.source.data.bones[part].head_local)
        for parts in LIMBS.values()
        for part in parts
        if part in pair.source.data.bones
    }
    rows = {item.part: item.bones.split(",")[0].strip() for item in pair.items}
    bones = pair.target.data.bones
    theirs = {part: np.array(bones[rows[part]].head_local) for part in rest if rows.get(part) and rows[part] in bones}
    ours, own = leg_length(rest), leg_length(theirs)
    unit = float(np.linalg.norm(np.array(pair.target.matrix_world)[:3, 0]))
    return own * unit / ours if ours and own else 1.0


def _draw() -> None:
    scene = bpy.context.scene
    settings = scene.recover_motion_retarget
    pair = settings.active
    if not settings.overlay or pair is None or pair.source is None or pair.target is None or not pair.has_map:
        return
    try:
        drawn = lines(pair, settings.overlay_beside)
    except (RecoverError, KeyError):  # a map in the middle of being edited
        return
    import gpu
    from gpu_extras.batch import batch_for_shader

    shader = gpu.shader.from_builtin("POLYLINE_FLAT_COLOR")
    places = [tuple(point) for start, end, _ in drawn for point in (start, end)]
    colors = [_GOOD if good else _OFF for *_, good in drawn for _ in range(2)]
    gpu.state.depth_test_set("NONE")
    gpu.state.blend_set("ALPHA")
    shader.bind()
    shader.uniform_float("lineWidth", 3.0)
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    batch_for_shader(shader, "LINES", {"pos": places, "color": colors}).draw(shader)
    gpu.state.blend_set("NONE")


def register() -> None:
    """Begin to draw, when there is a window."""
    global _handle
    if not bpy.app.background:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def unregister() -> None:
    """Stop drawing."""
    global _handle
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
