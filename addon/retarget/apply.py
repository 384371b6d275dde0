"""Retarget one armature to one rig: read both, compute, and write the result as a new action."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..compat import ActionCurves, assign_action, assign_strip_action
from ..core.keys import STILL, Curve
from ..core.quaternions import multiply
from ..core.retarget.bone_map import BoneMap
from ..core.retarget.channels import rotation_channel
from ..core.retarget.figures import Figures
from ..core.retarget.path import RootMode
from ..core.retarget.preset import LIMBS
from ..core.retarget.retarget import Options, Retargeted, retarget
from ..core.retarget.rotations import rotate
from ..core.retarget.skeletons import Array
from ..result.actions import write_action
from .probe import property_values
from .source_motion import Clip, read_clip
from .space import Space, space_of
from .target_checks import check_present, check_target
from .target_rig import Target, read_target


@dataclass(frozen=True)
class RetargetSettings:
    """What the person chose.

    Attributes:
        root: what carries the path; None: as the map says.
        plant_feet, reach: as in `Options`.
        ik: limbs that the rig's own inverse kinematics drive where it has them; the others by forward kinematics.
    """

    root: RootMode | None = None
    plant_feet: bool = True
    reach: bool = False
    ik: tuple[str, ...] = ("left_leg", "right_leg")


@dataclass
class Outcome:
    """What came of one retargeting.

    Attributes:
        action: the new action.
        figures: how well the rig follows, by the arrays.
        notes: sentences for the person.
        target, clip, result: what it was made from, for a closer look.
    """

    action: bpy.types.Action
    figures: Figures
    target: Target
    clip: Clip
    result: Retargeted
    notes: list[str] = field(default_factory=list)


def retarget_to(
    source: bpy.types.Object,
    obj: bpy.types.Object,
    bone_map: BoneMap,
    settings: RetargetSettings,
    scene: bpy.types.Scene,
    layer: bpy.types.ViewLayer,
) -> Outcome:
    """Let a rig move as a recovered armature does: a new action, in use, with the one before kept on a muted NLA track.

    Args:
        source: recovered, with an action in use.
        obj: the target's armature object.
        bone_map: what its bones show.
        settings: what the person chose.
        scene: of both.
        layer: where the target can be evaluated.

    Raises:
        RecoverError: `BAD_INPUT`, the source was deleted or has no motion, or the target cannot take it.
    """
    check_target(obj)
    check_present(source)
    if source == obj:
        raise RecoverError(ErrorCode.BAD_INPUT, f"{obj.name!r} is both source and target.", "Choose another target.")
    space = space_of(obj)
    target = read_target(obj, bone_map, space, layer)
    clip = read_clip(source, scene, space)
    mode = settings.root or RootMode(bone_map.root_mode)
    if mode is RootMode.OBJECT:
        _check_object(obj, space)
    ik = tuple(limb for limb in settings.ik if limb in bone_map.ik)
    result = retarget(clip.motion, target.rig, Options(mode, settings.plant_feet, settings.reach))
    notes = [*target.notes, *result.notes, *_notes(obj, bone_map, space, mode)]
    curves = _curves(target, result, clip)
    curves += _property_curves(obj, bone_map, ik, clip)
    if result.object_turn is not None:
        curves += _object_curves(source, obj, space, result, clip)
    written = write_action(f"{source.name} on {obj.name}"[:63], "OBJECT", curves)
    _use(obj, written)
    scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)
    return Outcome(written.action, result.figures, target, clip, result, notes)


def _notes(obj: bpy.types.Object, bone_map: BoneMap, space: Space, mode: RootMode) -> list[str]:
    notes = []
    if space.mirrored:
        notes.append(f"{obj.name!r} is mirrored (negative scale), so its left bones show the person's right side.")
    if mode is RootMode.ROOT_BONE and bone_map.root_bone is None:
        notes.append("The rig has no root bone, so its hips carry the path.")
    if mode is RootMode.OBJECT and (any(obj.lock_location) or any(obj.lock_rotation)):
        notes.append(f"{obj.name!r} is locked in the viewport; its keys move it all the same.")
    if mode is not RootMode.OBJECT and obj.data.bones[bone_map.bones["pelvis"][0]].use_connect:
        bone = obj.data.bones[bone_map.bones["pelvis"][0]]
        while bone is not None and bone.use_connect:
            bone = bone.parent
        if bone is None:
            notes.append("The pelvis bone is connected and cannot move, so the body stays in its place.")
    fingers = [part for part in bone_map.bones if part[-1].isdigit()]
    if not fingers:
        notes.append("The rig has no fingers in its map, so hands keep their shape.")
    for limb, parts in LIMBS.items():
        absent = [part for part in parts if part not in bone_map.bones]
        if absent and limb.endswith("arm"):
            notes.append(f"The rig has no bone for {', '.join(absent).replace('_', ' ')}.")
    return notes


def _check_object(obj: bpy.types.Object, space: Space) -> None:
    if space.mirrored or obj.rotation_mode == "AXIS_ANGLE" or any(c for c in obj.constraints if not c.mute):
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The object {obj.name!r} cannot carry the path: it is mirrored, constrained, or turned by axis and angle.",
            "Let the hips or the root bone carry the path.",
        )


def _curves(target: Target, result: Retargeted, clip: Clip) -> list[Curve]:
    curves = []
    for i, node in enumerate(target.rig.nodes):
        bone = target.obj.pose.bones[node.name]
        path = bone.path_from_id()
        if i in result.location:
            curves += _channel(f"{path}.location", node.name, result.location[i], clip)
        if i in result.basis:
            name, values = rotation_channel(bone.rotation_mode, result.basis[i])
            curves += _channel(f"{path}.{name}", node.name, values, clip)
    return curves


def _channel(path: str, group: str, values: Array, clip: Clip) -> list[Curve]:
    """Curves of a vector channel `[T,K]`; one key each where it never moves."""
    values = np.broadcast_to(values, (len(clip.frames), values.shape[-1]))
    keep = len(clip.frames) if np.ptp(values, axis=0).max() > STILL else 1
    return [
        Curve(path, i, group, clip.frames[:keep], values[:keep, i], clip.held[:keep]) for i in range(values.shape[-1])
    ]


def _property_curves(obj: bpy.types.Object, bone_map: BoneMap, ik: Sequence[str], clip: Clip) -> list[Curve]:
    curves = []
    for entry, value in property_values(bone_map, ik):
        owner = obj.pose.bones[entry.bone] if entry.bone else obj
        if entry.name not in owner:
            continue
        name = f'["{bpy.utils.escape_identifier(entry.name)}"]'
        path = f"{owner.path_from_id()}{name}" if entry.bone else name
        group = entry.bone or "properties"
        curves.append(Curve(path, 0, group, clip.frames[:1], np.array([float(value)]), np.ones(1, dtype=bool)))
    return curves


def _object_curves(
    source: bpy.types.Object, obj: bpy.types.Object, space: Space, result: Retargeted, clip: Clip
) -> list[Curve]:
    """Curves of the object itself: its place is that of the recovered person, whatever it was before."""
    turn = space.quaternion()
    world_turn = multiply(turn, result.object_turn)
    height = np.array([0.0, 0.0, obj.matrix_world.translation.z])
    start = np.array(source.matrix_world.translation) * [1.0, 1.0, 0.0] + height
    world_place = start + space.scale * rotate(turn, result.object_place)
    if obj.parent is not None:
        above = obj.parent.matrix_world
        if obj.parent_type == "BONE":
            raise RecoverError(
                ErrorCode.BAD_INPUT,
                f"The object {obj.name!r} hangs from a bone of another rig and cannot carry the path.",
                "Let the hips or the root bone carry the path.",
            )
        back: Matrix = (above @ obj.matrix_parent_inverse).inverted_safe()
        _, q, s = back.decompose()
        world_place = rotate(np.array(q), world_place * np.mean(s)) + np.array(back.translation)
        world_turn = multiply(np.array(q), world_turn)
    world_place = world_place - np.array(obj.delta_location)
    if obj.rotation_mode != "QUATERNION":
        delta = obj.delta_rotation_euler.to_quaternion()
    else:
        delta = obj.delta_rotation_quaternion
    world_turn = multiply(np.array(Quaternion(delta).inverted()), world_turn)
    name, values = rotation_channel(obj.rotation_mode, world_turn)
    return [*_channel("location", "object", world_place, clip), *_channel(name, "object", values, clip)]


_KEPT_TRACK: Final = "Before retargeting"


def _use(obj: bpy.types.Object, written: ActionCurves) -> None:
    """Put the new action in use and on a muted NLA track of its own; what was in use gets one too, unless it has it."""
    data = obj.animation_data_create()
    before = data.action
    slot = getattr(data, "action_slot", None)
    kept = {strip.action for track in data.nla_tracks for strip in track.strips}
    if before is not None and before not in kept:
        strip = _stash(obj, before, _KEPT_TRACK)
        if slot is not None:
            strip.action_slot = slot
    assign_action(obj, written)
    strip = _stash(obj, written.action, written.action.name)
    assign_strip_action(strip, written)


def _stash(obj: bpy.types.Object, action: bpy.types.Action, name: str) -> bpy.types.NlaStrip:
    track = obj.animation_data.nla_tracks.new()
    track.name = name
    track.mute = True
    start, end = (float(frame) for frame in action.frame_range)
    strip = track.strips.new(action.name, int(np.floor(start)), action)
    strip.action_frame_start, strip.action_frame_end = start, max(end, start + 1.0)
    strip.frame_start, strip.frame_end = start, max(end, start + 1.0)
    return strip
