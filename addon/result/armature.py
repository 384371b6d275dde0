"""One person's armature object, with SMPL-X's names and a root bone."""

from typing import Final

import bpy

from ...inference_backend.protocol.skeleton import CONTACT_POINTS
from ..core.contacts import contact_property
from ..core.keys import confidence_property
from ..core.limbs import LIMBS
from ..core.rest_bones import ROOT, RestBones

_FACE: Final = ("jaw", "left_eye_smplhf", "right_eye_smplhf")
_LEFT_COLOR, _RIGHT_COLOR, _MIDDLE_COLOR = "THEME04", "THEME01", "THEME09"


def build_armature(name: str, rest: RestBones, collection: bpy.types.Collection) -> bpy.types.Object:
    """A new armature object in `collection`, standing at the world's origin, without animation."""
    armature = bpy.data.armatures.new(name)
    obj = bpy.data.objects.new(name, armature)
    _add_bones(obj, rest)
    collection.objects.link(obj)
    obj.show_in_front = True
    obj.pose.bones[ROOT].rotation_mode = "XYZ"  # a heading that can turn by more than half a circle
    _sort_bones(armature)
    for limb in LIMBS:
        key = confidence_property(limb)
        obj[key] = 1.0
        obj.id_properties_ui(key).update(
            min=0.0, max=1.0, description="How well the video shows this limb: 0 means guessed"
        )
    for point in CONTACT_POINTS:
        key = contact_property(point)
        obj[key] = 0
        spoken = point.replace("_", " ")
        obj.id_properties_ui(key).update(min=0, max=1, description=f"1 while the {spoken} stands still")
    return obj


def _add_bones(obj: bpy.types.Object, rest: RestBones) -> None:
    # Bones can only be made in edit mode. A scene of its own keeps the user's mode, selection and active object.
    scene = bpy.data.scenes.new("Recover Motion (temporary)")
    try:
        scene.collection.objects.link(obj)
        layer = scene.view_layers[0]
        layer.objects.active = obj
        with bpy.context.temp_override(scene=scene, view_layer=layer, active_object=obj, object=obj):
            bpy.ops.object.mode_set(mode="EDIT")
            bones = []
            for i, name in enumerate(rest.names):
                bone = obj.data.edit_bones.new(name)
                bone.head, bone.tail = rest.heads[i], rest.tails[i]
                bone.align_roll(rest.axes[i][:, 2])
                if rest.parents[i] >= 0:
                    bone.parent = bones[rest.parents[i]]
                bones.append(bone)
            bpy.ops.object.mode_set(mode="OBJECT")
    finally:
        bpy.data.scenes.remove(scene)


def _sort_bones(armature: bpy.types.Armature) -> None:
    shelves = {name: armature.collections.new(name) for name in ("Body", "Hands", "Face")}
    for bone in armature.bones:
        side, _, rest = bone.name.partition("_")
        shelf = "Face" if bone.name in _FACE else "Hands" if rest[-1:].isdigit() else "Body"
        shelves[shelf].assign(bone)
        bone.color.palette = {"left": _LEFT_COLOR, "right": _RIGHT_COLOR}.get(side, _MIDDLE_COLOR)
    armature.bones[ROOT].use_deform = False
