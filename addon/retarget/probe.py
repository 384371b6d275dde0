"""What controls hang from in a rig whose bones are moved by constraints, found by posing it a few times.

Constraints between controls (a limb that follows the hips, a head that follows the chest) are fixed links in the rig's
default settings. A few random poses tell which control each of them moves with; the clip is then posed in arrays.
The rig's pose, properties and action are put back afterwards.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import bpy
import numpy as np
from mathutils import Euler, Quaternion, Vector

from ..core.quaternions import conjugate, from_matrices, multiply
from ..core.retarget.bone_map import BoneMap
from ..core.retarget.rotations import rotate, rotation_vectors
from ..core.retarget.skeletons import Array

_SAMPLES: Final = 4
_SAME_TURN: Final = np.radians(0.05)
_SAME_PLACE: Final = 2e-4
"""Of the rig's size."""


@dataclass(frozen=True)
class Follow:
    """What a bone hangs from.

    Attributes:
        turn, place: names of the bones, "" for the armature itself.
        turn_offset: `[4]`, place_offset: `[3]`.
    """

    turn: str
    turn_offset: Array
    place: str
    place_offset: Array

    def needed(self) -> list[str]:
        """The bones that must be posed before it."""
        return [name for name in {self.turn, self.place} if name]


def probe(
    obj: bpy.types.Object, wanted: Sequence[str], unclear: set[str], bone_map: BoneMap, layer: bpy.types.ViewLayer
) -> tuple[dict[str, Follow], list[str]]:
    """What bones hang from.

    Args:
        obj: the rig; it is left as it was.
        wanted: the bones that something can hang from.
        unclear: those of them to find out about.
        bone_map: whose properties are set meanwhile.
        layer: where the rig is evaluated.

    Returns:
        What each hangs from, and the names of those for which no bone was found.
    """
    rng = np.random.default_rng(0)
    samples: list[tuple[dict[str, Array], dict[str, Array], dict[str, Array], dict[str, Array]]] = []
    placed = _placed(bone_map)
    with untouched(obj, wanted, bone_map, layer):
        set_properties(obj, bone_map, ik=())
        for number in range(_SAMPLES):
            for name in wanted:
                size = 0.0 if number == 0 else 0.6
                bone = obj.data.bones[name]
                shift = rng.normal(size=3) * size * bone.length if name in placed else None
                if not bone.use_local_location:  # its location runs along other axes than its own
                    shift = np.zeros(3)
                _turn(obj.pose.bones[name], rng.normal(size=3) * size, shift)
            layer.update()
            samples.append(_sample(obj, wanted, layer))
    size = max(float(np.ptp([bone.head_local for bone in obj.data.bones], axis=0).max()), 1e-9)
    found: dict[str, Follow] = {}
    vague: list[str] = []
    for name in wanted:
        if name not in unclear:
            continue
        candidates = _candidates(obj.data.bones[name], wanted)
        turn = _rigid_turn(samples, name, candidates)
        place = _rigid_place(samples, name, candidates, _SAME_PLACE * size)
        if turn is None or (place is None and name in placed):
            vague.append(name)
        parent = next((c for c in candidates if c), "")
        turn = turn if turn is not None else parent
        place = place if place is not None else parent
        found[name] = Follow(turn, _turn_offset(samples[0], name, turn), place, _place_offset(samples[0], name, place))
    return found, vague


def _placed(bone_map: BoneMap) -> set[str]:
    """Bones that are moved, not only turned."""
    names = {bone_map.bones["pelvis"][0], bone_map.root_bone, *bone_map.follow}
    for limb in bone_map.ik.values():
        names |= {limb.control, limb.pole}
    return {name for name in names if name}


def _candidates(bone: bpy.types.Bone, wanted: Sequence[str]) -> list[str]:
    """Bones to hang from: those above it from the nearest, the armature itself, then all others."""
    below = {child.name for child in bone.children_recursive} | {bone.name}
    above = [parent.name for parent in bone.parent_recursive if parent.name in wanted]
    return [*above, "", *(name for name in wanted if name not in above and name not in below)]


def _sample(
    obj: bpy.types.Object, wanted: Sequence[str], layer: bpy.types.ViewLayer
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Rotation and place of each bone, and those it would have with its channels at rest."""
    evaluated = obj.evaluated_get(layer.depsgraph)
    turns: dict[str, Array] = {"": np.array([1.0, 0.0, 0.0, 0.0])}
    places: dict[str, Array] = {"": np.zeros(3)}
    free_turns, free_places = {}, {}
    for name in wanted:
        bone = evaluated.pose.bones[name]
        matrix = np.array(bone.matrix)
        free = np.array(bone.matrix @ bone.matrix_basis.inverted_safe())
        turns[name], places[name] = _rotation(matrix), matrix[:3, 3]
        free_turns[name], free_places[name] = _rotation(free), free[:3, 3]
    return turns, places, free_turns, free_places


def _rotation(matrix: Array) -> Array:
    left, _, right = np.linalg.svd(matrix[:3, :3])
    return from_matrices(left @ right)


def _turn_offset(sample: Any, name: str, follow: str) -> Array:
    return multiply(conjugate(sample[0][follow]), sample[2][name])


def _place_offset(sample: Any, name: str, follow: str) -> Array:
    return rotate(conjugate(sample[0][follow]), sample[3][name] - sample[1][follow])


def _rigid_turn(samples: list[Any], name: str, candidates: Sequence[str]) -> str | None:
    for candidate in candidates:
        offsets = np.array([_turn_offset(sample, name, candidate) for sample in samples])
        apart = rotation_vectors(multiply(conjugate(offsets[:1]), offsets))
        if np.linalg.norm(apart, axis=-1).max() < _SAME_TURN:
            return candidate
    return None


def _rigid_place(samples: list[Any], name: str, candidates: Sequence[str], tolerance: float) -> str | None:
    for candidate in candidates:
        offsets = np.array([_place_offset(sample, name, candidate) for sample in samples])
        if np.linalg.norm(offsets - offsets[0], axis=-1).max() < tolerance:
            return candidate
    return None


def _turn(bone: bpy.types.PoseBone, vector: Array, shift: Array | None) -> None:
    turn = Quaternion(Vector(vector).normalized(), float(np.linalg.norm(vector)))
    if bone.rotation_mode == "QUATERNION":
        bone.rotation_quaternion = turn
    elif bone.rotation_mode == "AXIS_ANGLE":
        axis, angle = turn.to_axis_angle()
        bone.rotation_axis_angle = (angle, *axis)
    else:
        bone.rotation_euler = turn.to_euler(bone.rotation_mode, Euler((0, 0, 0), bone.rotation_mode))
    if shift is not None:
        bone.location = shift


def set_properties(obj: bpy.types.Object, bone_map: BoneMap, ik: Sequence[str]) -> None:
    """Set the custom properties that a map names, for the limbs in `ik` as with inverse kinematics."""
    for entry, value in property_values(bone_map, ik):
        owner = obj.pose.bones[entry.bone] if entry.bone else obj
        if entry.name in owner:
            kind = type(owner[entry.name])
            owner[entry.name] = kind(value)
    obj.update_tag()


def property_values(bone_map: BoneMap, ik: Sequence[str]) -> list[tuple[Any, float]]:
    """All properties of a map with their values, for the limbs in `ik` as with inverse kinematics."""
    listed = [(entry, entry.fk) for entry in bone_map.properties]
    for limb, control in bone_map.ik.items():
        listed += [(entry, entry.ik if limb in ik else entry.fk) for entry in control.properties]
    return listed


_CHANNELS: Final = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle")


@contextmanager
def untouched(
    obj: bpy.types.Object, names: Sequence[str], bone_map: BoneMap, layer: bpy.types.ViewLayer
) -> Iterator[None]:
    """Take a rig's action away for a while, and put pose, properties and action back."""
    pose = {name: [list(getattr(obj.pose.bones[name], c)) for c in _CHANNELS] for name in names}
    owners = [(obj.pose.bones[e.bone] if e.bone else obj, e.name) for e, _ in property_values(bone_map, ())]
    properties = [(owner, name, owner[name]) for owner, name in owners if name in owner]
    data = obj.animation_data
    action = data.action if data else None
    slot = getattr(data, "action_slot", None) if data else None
    layered = data.use_nla if data else False
    try:
        if data is not None:
            data.use_nla = False
            if action is not None:
                data.action = None
        yield
    finally:
        for name, values in pose.items():
            for channel, value in zip(_CHANNELS, values, strict=True):
                setattr(obj.pose.bones[name], channel, value)
        for owner, name, value in properties:
            owner[name] = value
        if data is not None:
            data.use_nla = layered
            if action is not None:
                data.action = action
                if slot is not None:
                    data.action_slot = slot
        obj.update_tag()
        layer.update()
