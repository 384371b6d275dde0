"""FBX for game engines: one root bone, one root bone's motion, centimetres, nothing else.

The file is written from copies in a scene of their own, brought to centimetres first. So no node carries a scale of
100, which engines hand down to the root bone, and nothing of the user's file is touched. The copies hold what Blender
shows, frame by frame, whatever tracks and constraints it comes from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..compat import assign_action
from ..core.keys import Curve, curve
from ..core.pose_matrices import local_channels
from ..core.timing import KeyTimes
from ..result.actions import write_action

CM_PER_M: Final = 100.0
ARMATURE_NAME: Final = "Armature"
"""Unreal drops an armature of exactly this name; of any other it makes a further root bone."""
BODY_NAME: Final = "Body"

_OPTIONS: Final = {
    "use_selection": False,
    "object_types": {"ARMATURE", "MESH"},
    "add_leaf_bones": False,
    "use_armature_deform_only": False,
    "armature_nodetype": "NULL",
    "mesh_smooth_type": "FACE",
    "apply_scale_options": "FBX_SCALE_NONE",
    "axis_forward": "-Z",
    "axis_up": "Y",
    "primary_bone_axis": "Y",
    "secondary_bone_axis": "X",
    "bake_anim": True,
    "bake_anim_use_all_bones": True,
    "bake_anim_use_nla_strips": False,
    "bake_anim_use_all_actions": False,
    "bake_anim_force_startend_keying": True,
    "bake_anim_step": 1.0,
    "bake_anim_simplify_factor": 0.0,
    "path_mode": "STRIP",
}


def export_fbx(
    path: Path,
    armature: bpy.types.Object,
    scene: bpy.types.Scene,
    *,
    with_mesh: bool = True,
    frames: tuple[int, int] | None = None,
) -> None:
    """Write one person to an FBX file; the motion starts at the file's frame 0.

    Args:
        path: the file to write.
        armature: the person; its meshes are those that it deforms.
        scene: where it stands, and whose frame rate counts.
        with_mesh: also the body, in the person's shape; otherwise only the armature.
        frames: first and last scene frame; by default all that the action in use spans.

    Raises:
        RecoverError: `BAD_SETTING` when the armature has not exactly one root bone or no motion,
            `MISSING_PART` when Blender's FBX add-on is off, `BAD_OUTPUT` when the file cannot be written.
    """
    _check(armature)
    first, last = frames or _action_frames(armature)
    temporary = bpy.data.scenes.new(f"{armature.name} (export)"[:60])
    made: list[bpy.types.ID] = []
    try:
        temporary.render.fps, temporary.render.fps_base = scene.render.fps, scene.render.fps_base
        temporary.unit_settings.system = "METRIC"
        temporary.unit_settings.scale_length = 1.0 / CM_PER_M
        poses = _evaluated_poses(temporary, armature, first, last)
        copy = _armature_in_cm(temporary, armature, poses, made)
        names = {copy: ARMATURE_NAME}
        if with_mesh:
            for mesh in _meshes_of(armature):
                names[_mesh_in_cm(temporary, mesh, copy, made)] = BODY_NAME
        temporary.frame_start, temporary.frame_end = 0, last - first
        with _named(names):
            _write(path, temporary)
    finally:
        bpy.data.scenes.remove(temporary)
        bpy.data.batch_remove(made)


def _check(armature: bpy.types.Object) -> None:
    roots = [bone.name for bone in armature.data.bones if bone.parent is None]
    if len(roots) != 1:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The armature {armature.name} has {len(roots)} bones without a parent, and a game engine needs one.",
            "Give all but one of them a parent, then export again.",
        )
    if "fbx" not in dir(bpy.ops.export_scene):
        raise RecoverError(
            ErrorCode.MISSING_PART,
            "Blender's FBX exporter is switched off.",
            "Enable the add-on 'FBX format' in Blender's preferences.",
        )


def _action_frames(armature: bpy.types.Object) -> tuple[int, int]:
    action = armature.animation_data.action if armature.animation_data else None
    if action is None:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The armature {armature.name} has no motion.",
            "Choose an armature that Recover Motion made, or give this one an action.",
        )
    return int(np.floor(action.frame_range[0])), int(np.ceil(action.frame_range[1]))


def _meshes_of(armature: bpy.types.Object) -> list[bpy.types.Object]:
    return [
        obj
        for obj in bpy.data.objects
        if obj.type == "MESH" and any(m.type == "ARMATURE" and m.object == armature for m in obj.modifiers)
    ]


def _evaluated_poses(scene: bpy.types.Scene, armature: bpy.types.Object, first: int, last: int) -> NDArray[np.float64]:
    """Pose matrices `[T,B,4,4]` of the armature in the world, metres, at whole frames.

    It is looked at in the temporary scene, so that the user's current frame stays where it is.
    """
    scene.collection.objects.link(armature)
    poses = np.empty((last - first + 1, len(armature.pose.bones), 4, 4))
    flat = np.empty(poses[0].size, dtype=np.float32)
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        graph = bpy.context.evaluated_depsgraph_get()
    for row, frame in enumerate(range(first, last + 1)):
        scene.frame_set(frame)
        seen = armature.evaluated_get(graph)
        seen.pose.bones.foreach_get("matrix", flat)
        matrices = flat.reshape(-1, 4, 4).transpose(0, 2, 1)  # Blender hands out columns
        poses[row] = np.array(seen.matrix_world) @ matrices
    scene.collection.objects.unlink(armature)
    return poses


def _armature_in_cm(
    scene: bpy.types.Scene, source: bpy.types.Object, poses: NDArray[np.float64], made: list[bpy.types.ID]
) -> bpy.types.Object:
    obj = bpy.data.objects.new(ARMATURE_NAME, source.data.copy())
    made += [obj, obj.data]
    scene.collection.objects.link(obj)
    layer = scene.view_layers[0]
    layer.objects.active = obj
    with bpy.context.temp_override(scene=scene, view_layer=layer, active_object=obj, object=obj):
        bpy.ops.object.mode_set(mode="EDIT")
        ends = [(bone, bone.head * CM_PER_M, bone.tail * CM_PER_M) for bone in obj.data.edit_bones]
        for bone, head, tail in ends:
            bone.head, bone.tail = head, tail
        bpy.ops.object.mode_set(mode="OBJECT")

    bones = list(obj.data.bones)
    index = {bone.name: i for i, bone in enumerate(bones)}
    parents = [index[bone.parent.name] if bone.parent else -1 for bone in bones]
    rest = np.array([bone.matrix_local for bone in bones])
    poses = poses.copy()
    poses[..., :3, 3] *= CM_PER_M
    locations, turns = local_channels(rest, poses, parents)
    count = len(poses)
    times = KeyTimes(np.arange(count, dtype=np.float64), np.arange(count), np.zeros(count, dtype=bool))
    curves: list[Curve] = []
    for i, bone in enumerate(obj.pose.bones):
        bone.rotation_mode = "QUATERNION"
        path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].'
        curves += [curve(f"{path}location", k, bone.name, times, locations[:, i, k]) for k in range(3)]
        curves += [curve(f"{path}rotation_quaternion", k, bone.name, times, turns[:, i, k]) for k in range(4)]
    action = write_action(source.name, "OBJECT", curves)
    made.append(action.action)
    assign_action(obj, action)
    return obj


def _mesh_in_cm(
    scene: bpy.types.Scene, source: bpy.types.Object, armature: bpy.types.Object, made: list[bpy.types.ID]
) -> bpy.types.Object:
    """A copy of a skinned mesh with its shape keys applied: engines get the person's shape without morph targets."""
    obj = source.copy()
    obj.data = bpy.data.meshes.new_from_object(source)  # without shape keys
    made += [obj, obj.data]
    scene.collection.objects.link(obj)
    obj.parent = armature
    for modifier in obj.modifiers:
        if modifier.type == "ARMATURE":
            modifier.object = armature
    obj.data.vertices.foreach_set("co", _shape(source).ravel() * CM_PER_M)
    obj.data.update()
    return obj


def _shape(obj: bpy.types.Object) -> NDArray[np.float32]:
    """Vertices `[V,3]` under the mix of the object's relative shape keys."""

    def coordinates(points: bpy.types.bpy_prop_collection) -> NDArray[np.float32]:
        flat = np.empty(3 * len(points), dtype=np.float32)
        points.foreach_get("co", flat)
        return flat.reshape(-1, 3)

    keys = obj.data.shape_keys.key_blocks if obj.data.shape_keys else ()
    shape = coordinates(keys[0].data if keys else obj.data.vertices)
    for key in keys[1:]:
        if not key.mute and key.value:
            shape += key.value * (coordinates(key.data) - coordinates(key.relative_key.data))
    return shape


@contextmanager
def _named(names: dict[bpy.types.Object, str]) -> Iterator[None]:
    """Lend the copies names that objects of the user's file may have."""
    lent = [
        (owner, name) for name in set(names.values()) if (owner := bpy.data.objects.get(name)) and owner not in names
    ]
    try:
        for owner, name in lent:
            owner.name = f"{name} (lent)"
        for obj, name in names.items():
            obj.name = name
        yield
    finally:
        for obj in names:
            obj.name = "Recover Motion (export)"
        for owner, name in lent:
            owner.name = name


def _write(path: Path, scene: bpy.types.Scene) -> None:
    layer = scene.view_layers[0]
    try:
        with bpy.context.temp_override(scene=scene, view_layer=layer, active_object=layer.objects.active):
            bpy.ops.export_scene.fbx(filepath=str(path), **_OPTIONS)
    except (RuntimeError, OSError) as error:
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The FBX file {path} could not be written ({error}).",
            "Choose a folder that exists and that you may write to.",
        ) from error
