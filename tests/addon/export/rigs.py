"""Rigs as animators have them: other axes, other scales, other bones at the top; with a box as body and a motion."""

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion

BODY = {
    "Hips": (None, (0, 0, 0.95), (0, 0, 1.05)),
    "Spine": ("Hips", (0, 0, 1.05), (0, 0, 1.4)),
    "Head": ("Spine", (0, 0, 1.4), (0, 0, 1.7)),
} | {
    f"{side}{bone}": (parent and parent.replace("?", side), (x * sign, 0, z0), (x * sign, y1, z1))
    for side, sign in (("Left", 1), ("Right", -1))
    for bone, parent, x, z0, y1, z1 in (
        ("UpLeg", "Hips", 0.1, 0.9, -0.02, 0.5),
        ("Leg", "?UpLeg", 0.1, 0.5, 0, 0.1),
        ("Foot", "?Leg", 0.1, 0.1, -0.15, 0.02),
        ("Arm", "Spine", 0.2, 1.35, 0, 1.1),
    )
}
"""Bone -> parent, head, tail in metres, z up, facing -y."""

COUNT = 20


def build_rig(scene, name, *, bones=None, own_axes=None, scale=1.0, placed=None, prefix=""):
    """An armature object with a skinned box.

    Args:
        bones: as `BODY`.
        own_axes: rotation from the table's axes to those that the rig was made in; the object turns them back.
        scale: of the object; the rig was made in the inverse.
        placed: matrix of where the object stands, on top of that.
    """
    own = (own_axes or Matrix.Identity(3)).to_4x4()
    data = bpy.data.armatures.new(name)
    rig = bpy.data.objects.new(name, data)
    scene.collection.objects.link(rig)
    layer = bpy.context.view_layer
    layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for bone, (parent, head, tail) in (bones or BODY).items():
        made = data.edit_bones.new(prefix + bone)
        made.head = own @ (Matrix.Scale(1 / scale, 4) @ _vector(head))
        made.tail = own @ (Matrix.Scale(1 / scale, 4) @ _vector(tail))
        made.roll = 0.3
        if parent:
            made.parent = data.edit_bones[prefix + parent]
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.matrix_world = (placed or Matrix.Identity(4)) @ own.inverted() @ Matrix.Scale(scale, 4)
    add_box(scene, rig, own @ Matrix.Scale(1 / scale, 4), prefix + "Spine")
    layer.update()
    return rig


def add_box(scene, rig, change, bone):
    """A box from the floor to 1.7 m, skinned to one bone."""
    corners = [(x, y, z) for x in (-0.2, 0.2) for y in (-0.1, 0.1) for z in (0.0, 1.7)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(f"{rig.name} box")
    mesh.from_pydata([change @ _vector(corner) for corner in corners], [], faces)
    obj = bpy.data.objects.new(f"{rig.name} box", mesh)
    scene.collection.objects.link(obj)
    obj.parent = rig
    obj.modifiers.new("Armature", "ARMATURE").object = rig
    obj.vertex_groups.new(name=bone).add(range(8), 1.0, "REPLACE")
    return obj


def _vector(values):
    return Matrix.Translation(values).to_translation()


def animate(rig, first=1, *, hips="Hips", walk=True):
    """Key a motion: the hips travel and turn, everything else bends."""
    rng = np.random.default_rng(3)
    bends = {bone.name: rng.normal(0, 0.4, 3) for bone in rig.pose.bones}
    size = 1.0 / rig.matrix_world.to_scale()[0]
    for frame in range(COUNT):
        share = frame / (COUNT - 1)
        for bone in rig.pose.bones:
            bone.rotation_mode = "QUATERNION"
            bone.rotation_quaternion = Euler(share * bends[bone.name]).to_quaternion()
            bone.keyframe_insert("rotation_quaternion", frame=first + frame)
        if walk:
            bone = rig.pose.bones[hips]
            turn = Quaternion((0, 0, 1), 1.2 * share)
            rest = bone.bone.matrix_local
            world = rig.matrix_world.to_3x3().normalized()
            inside = (world @ rest.to_3x3()).to_quaternion()
            bone.rotation_quaternion = inside.inverted() @ turn @ inside
            bone.keyframe_insert("rotation_quaternion", frame=first + frame)
            step = (world @ rest.to_3x3()).inverted() @ _vector((0.6 * share * size, -1.1 * share * size, 0))
            bone.location = step
            bone.keyframe_insert("location", frame=first + frame)


def seen(rig, scene, frames, names):
    """Heads `[T,B,3]` of bones in the world, metres, as Blender shows them; the frame is put back."""
    kept = scene.frame_current
    out = []
    for frame in frames:
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        shown = rig.evaluated_get(graph)
        out.append([shown.matrix_world @ shown.pose.bones[name].head for name in names])
    scene.frame_set(kept)
    return np.array(out)
