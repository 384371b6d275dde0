"""The surfaces that an armature moves, as copies with everything applied but the armature."""

from typing import Final

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..core.export.skeleton import Skeleton
from .sampling import seen_at
from .temporary_scene import TemporaryScene

Array = NDArray[np.float64]

BODY_NAME: Final = "Body"


def meshes_of(armature: bpy.types.Object, scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The meshes of a scene that follow an armature's bones, except those that are never rendered (cages, widgets)."""
    return [
        obj
        for obj in scene.objects
        if obj.type == "MESH" and not obj.hide_render and (_skinned(obj, armature) or _worn(obj, armature))
    ]


def _skinned(obj: bpy.types.Object, armature: bpy.types.Object) -> bool:
    by_modifier = any(m.type == "ARMATURE" and m.object == armature for m in obj.modifiers)
    return by_modifier or (obj.parent == armature and obj.parent_type == "ARMATURE")


def _worn(obj: bpy.types.Object, armature: bpy.types.Object) -> bool:
    return obj.parent == armature and obj.parent_type == "BONE"


def add_mesh(
    temporary: TemporaryScene,
    source: bpy.types.Object,
    armature: bpy.types.Object,
    skeleton: Skeleton,
    turn: Array,
    scale: float,
    max_influences: int | None,
) -> bpy.types.Object:
    """Put a copy of a mesh into the temporary scene, skinned to the armature there.

    Shape keys and modifiers other than the armature are applied: the file gets the shape that is seen.

    Args:
        temporary: with its armature.
        source: the mesh.
        armature: that moves it.
        skeleton: the bones of its armature.
        turn, scale: rotation `[3,3]` and factor from the armature's own space to the temporary scene's.
        max_influences: at most so many bones move a vertex.
    """
    bone = source.parent_bone if not _skinned(source, armature) else ""
    mesh = _unposed_mesh(temporary.scene, source, armature)
    temporary.made.append(mesh)
    change = np.eye(4)
    change[:3, :3] = scale * turn
    placed = np.array(_bind_place(source, armature, bone), dtype=np.float64)
    change = change @ placed
    mesh.transform(Matrix(change))
    if np.linalg.det(change[:3, :3]) < 0:
        mesh.flip_normals()
    mesh.name = source.name
    obj = bpy.data.objects.new(BODY_NAME, mesh)
    temporary.made.append(obj)
    temporary.scene.collection.objects.link(obj)
    groups = [group.name for group in source.vertex_groups]
    if not obj.vertex_groups:
        for name in groups:
            obj.vertex_groups.new(name=name)
    if bone:
        obj.vertex_groups.clear()
        if bone in skeleton.names:
            obj.vertex_groups.new(name=bone).add(range(len(mesh.vertices)), 1.0, "REPLACE")
    for group in list(obj.vertex_groups):
        if group.name not in skeleton.names:
            obj.vertex_groups.remove(group)
    obj.parent = temporary.armature
    obj.modifiers.new("Armature", "ARMATURE").object = temporary.armature
    if max_influences:
        _limit_influences(obj, max_influences)
    return obj


def _limit_influences(obj: bpy.types.Object, most: int) -> None:
    """Keep the strongest `most` weights of each vertex, and let them sum to what they summed to."""
    groups = obj.vertex_groups
    for vertex in obj.data.vertices:
        if len(vertex.groups) <= most:
            continue
        weights = sorted(((entry.weight, entry.group) for entry in vertex.groups), reverse=True)
        total, kept = sum(w for w, _ in weights), sum(w for w, _ in weights[:most])
        for weight, group in weights[:most]:
            groups[group].add((vertex.index,), weight * total / max(kept, 1e-12), "REPLACE")
        for _, group in weights[most:]:
            groups[group].remove((vertex.index,))


def _unposed_mesh(scene: bpy.types.Scene, source: bpy.types.Object, armature: bpy.types.Object) -> bpy.types.Mesh:
    copy = source.copy()
    copy.hide_viewport = False
    try:
        for modifier in copy.modifiers:
            if modifier.type == "ARMATURE" and modifier.object == armature:
                modifier.show_viewport = False
        if copy.parent == armature:
            copy.parent = None
        scene.collection.objects.link(copy)
        graph = seen_at(scene, scene.frame_current)
        return bpy.data.meshes.new_from_object(
            copy.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph
        )
    finally:
        bpy.data.objects.remove(copy)


def _bind_place(source: bpy.types.Object, armature: bpy.types.Object, bone: str) -> Matrix:
    """From the mesh's own space to the armature's, at rest."""
    if not bone:
        return armature.matrix_world.inverted() @ source.matrix_world
    # what hangs on a bone hangs on its tail
    rest = armature.data.bones[bone]
    under = rest.matrix_local @ Matrix.Translation((0.0, rest.length, 0.0))
    return under @ source.matrix_parent_inverse @ source.matrix_basis
