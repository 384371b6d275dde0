"""Which map a rig takes: by the names of its bones, and failing that by its structure."""

import bpy
import numpy as np

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..core.retarget.bone_map import BoneMap, apply_preset, best_preset
from ..core.retarget.bone_tree import Bone
from ..core.retarget.structure import find_body
from .presets_folder import all_presets, preset_named
from .settings import AUTOMATIC, BY_STRUCTURE


def detect(obj: bpy.types.Object, choice: str = AUTOMATIC) -> tuple[BoneMap, str]:
    """The map of a rig.

    Args:
        obj: an armature object.
        choice: the key of a preset, `AUTO` or `STRUCTURE`.

    Returns:
        The map, and what it came from, for the person.

    Raises:
        RecoverError: `BAD_INPUT`, the rig is not of that kind, or nothing fits.
    """
    names = [bone.name for bone in obj.data.bones]
    if choice == BY_STRUCTURE:
        return by_structure(obj), "by structure"
    if choice == AUTOMATIC:
        preset = best_preset(all_presets()[0], names)
        if preset is None:
            return by_structure(obj), "by structure: no preset names these bones"
    else:
        preset = preset_named(choice)
        if preset is None:
            raise RecoverError(
                ErrorCode.BAD_INPUT, f"The rig preset {choice!r} is not there any more.", "Choose another preset."
            )
    found = apply_preset(preset, names)
    if "pelvis" not in found.bones:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{obj.name!r} does not have the bones of {preset.name}.",
            "Choose another preset, or let the rig be detected.",
        )
    return found, preset.name


def by_structure(obj: bpy.types.Object) -> BoneMap:
    """The map of a rig by where its bones are.

    Raises:
        RecoverError: `BAD_INPUT`, no body can be made out.
    """
    world = np.array(obj.matrix_world)
    index = {bone.name: i for i, bone in enumerate(obj.data.bones)}

    def place(point: bpy.types.Object) -> np.ndarray:
        return world[:3, :3] @ np.array(point) + world[:3, 3]

    bones = [
        Bone(
            bone.name,
            index[bone.parent.name] if bone.parent else -1,
            place(bone.head_local),
            place(bone.tail_local),
        )
        for bone in obj.data.bones
    ]
    return find_body(bones, obj.name)
