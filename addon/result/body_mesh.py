"""One person's skinned body, its shape as shape keys."""

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.axes import to_blender_points
from ..core.rest_bones import RestBones
from .body_file import BodyFile

BETA_RANGE = 5.0
_MIN_WEIGHT = 1e-6
_SKIN_RGB = (0.62, 0.42, 0.33)


def build_body(
    name: str,
    body: BodyFile,
    betas: NDArray[np.float64],
    rest: RestBones,
    armature: bpy.types.Object,
    collection: bpy.types.Collection,
    like: bpy.types.Object | None = None,
) -> bpy.types.Object:
    """A new mesh object, bound to `armature` and linked to `collection`.

    Its base is the mean shape, and `beta_0` to `beta_9` are relative shape keys at the person's values. The joints
    stay those of the person: moving a slider changes the flesh, not the bones.

    Args:
        name: of the object.
        body: the body.
        betas: `[10]`, the person's shape.
        rest: the bones of `armature`.
        armature: what moves the body.
        collection: where it goes.
        like: an earlier object of the same body, whose faces and weights are taken over (much faster).
    """
    base = to_blender_points(body.v_template - rest.origin)
    if like is None:
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(base, [], body.faces)
        mesh.shade_smooth()
    else:
        mesh = like.data.copy()
        mesh.name = name
    obj = bpy.data.objects.new(name, mesh)
    collection.objects.link(obj)
    if like is None:
        _add_weights(obj, body)
    _set_shape(obj, base, to_blender_points(np.moveaxis(body.shapedirs, -1, 0)), betas)
    obj.parent = armature
    obj.modifiers.new("Armature", "ARMATURE").object = armature
    return obj


def skin_material(name: str) -> bpy.types.Material:
    """A new plain, skin-like material."""
    material = bpy.data.materials.new(name)
    if not material.node_tree:
        material.use_nodes = True
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*_SKIN_RGB, 1.0)
    shader.inputs["Roughness"].default_value = 0.6
    material.diffuse_color = (*_SKIN_RGB, 1.0)
    return material


def _add_weights(obj: bpy.types.Object, body: BodyFile) -> None:
    for joint, name in enumerate(body.joint_names):
        group = obj.vertex_groups.new(name=name)
        weights = body.lbs_weights[:, joint]
        for vertex in np.flatnonzero(weights > _MIN_WEIGHT).tolist():
            group.add((vertex,), float(weights[vertex]), "REPLACE")


def _set_shape(
    obj: bpy.types.Object, base: NDArray[np.float64], offsets: NDArray[np.float64], betas: NDArray[np.float64]
) -> None:
    if obj.data.shape_keys is None:
        obj.shape_key_add(name="Basis", from_mix=False)
        for i in range(len(offsets)):
            key = obj.shape_key_add(name=f"beta_{i}", from_mix=False)
            key.slider_min, key.slider_max = -BETA_RANGE, BETA_RANGE
    flat = base.astype(np.float32).ravel()
    obj.data.vertices.foreach_set("co", flat)
    blocks = obj.data.shape_keys.key_blocks
    blocks["Basis"].data.foreach_set("co", flat)
    for i, offset in enumerate(offsets):
        key = blocks[f"beta_{i}"]
        key.data.foreach_set("co", (base + offset).astype(np.float32).ravel())
        beta = float(betas[i])
        key.slider_min, key.slider_max = min(key.slider_min, beta), max(key.slider_max, beta)
        key.value = beta
    obj.data.update()
