"""A target armature as arrays: what each bone's rotation and place hang from, so that the clip can be posed at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import bpy
import numpy as np

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..core.quaternions import conjugate, from_matrices, multiply
from ..core.retarget.bone_map import BoneMap, duplicate_uses
from ..core.retarget.parts import ORDER
from ..core.retarget.rotations import rotate
from ..core.retarget.skeletons import Array, Node, TargetRig
from .probe import Follow, probe
from .space import Space
from .target_checks import check_evaluated

_CONSTRAINTS_THAT_PASS = {"LIMIT_ROTATION", "LIMIT_LOCATION", "LIMIT_SCALE"}


@dataclass
class Target:
    """A rig that can be retargeted to.

    Attributes:
        obj: the armature object.
        rig: its bones.
        notes: sentences for the person.
    """

    obj: bpy.types.Object
    rig: TargetRig
    notes: list[str] = field(default_factory=list)


def read_target(obj: bpy.types.Object, bone_map: BoneMap, space: Space, layer: bpy.types.ViewLayer) -> Target:
    """A target rig as arrays.

    Args:
        obj: an armature object that `target_checks.check_target` accepts.
        bone_map: what its bones show.
        space: of the object.
        layer: where it can be evaluated, which rigs with constraints need.

    Raises:
        RecoverError: `BAD_INPUT`, the map does not fit, or the rig has constraints and is not evaluated.
    """
    _check_map(obj, bone_map)
    notes: list[str] = []
    wanted = _wanted(bone_map)
    bones = obj.data.bones
    driven = _driven(obj)
    own = [name for name in _fk(bone_map) if name in driven]
    if own:
        notes.append(
            f"Constraints or drivers of the rig also move {_listed(own)}, so it may not show exactly what is keyed."
        )
    scaled = [name for name in wanted if np.abs(np.array(obj.pose.bones[name].scale) - 1.0).max() > 1e-4]
    if scaled:
        notes.append(f"{_listed(scaled)} are scaled in the pose; the motion is reckoned without that.")

    unclear = {name for name in wanted if _through_constraints(bones[name], driven, wanted)}
    follows: dict[str, Follow] = {}
    if unclear:
        check_evaluated(obj, layer)
        follows, vague = probe(obj, wanted, unclear, bone_map, layer)
        if vague:
            notes.append(
                f"What {_listed(vague)} hang from could not be told, so they are taken to follow their parents."
            )
    names = set(wanted)
    for name in wanted:
        if name not in follows:
            bone = bones[name].parent
            while bone is not None and bone.name not in follows:
                names.add(bone.name)
                bone = bone.parent
    nodes = _nodes(obj, names, follows)
    index = {node.name: i for i, node in enumerate(nodes)}
    parts = {part: [index[name] for name in bone_map.bones[part]] for part in ORDER if part in bone_map.bones}
    rig = TargetRig(
        nodes=nodes,
        parts=parts,
        twist={
            part: kept
            for part, chain in bone_map.twist.items()
            if part in parts and (kept := [index[name] for name in chain if name not in driven])
        },
        root=index[bone_map.root_bone] if bone_map.root_bone else None,
        follow=[(index[a], index[b]) for a, b in bone_map.follow.items() if a not in driven],
        ik={
            limb: (
                index[entry.control],
                index[entry.pole] if entry.pole else None,
                index[entry.toe] if entry.toe else None,
            )
            for limb, entry in bone_map.ik.items()
        },
        match=dict(bone_map.match),
        unit_m=space.scale,
        tips=_tips(obj, bone_map),
    )
    return Target(obj, rig, notes)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    spoken = ", ".join(repr(name) for name in names[:4])
    return spoken if len(names) <= 4 else f"{spoken} and {len(names) - 4} more"


def _fk(bone_map: BoneMap) -> list[str]:
    return [name for chain in bone_map.bones.values() for name in chain]


def _wanted(bone_map: BoneMap) -> list[str]:
    names = _fk(bone_map)
    names += [name for chain in bone_map.twist.values() for name in chain]
    names += [name for pair in bone_map.follow.items() for name in pair]
    for entry in bone_map.ik.values():
        names += [name for name in (entry.control, entry.pole, entry.toe) if name]
    if bone_map.root_bone:
        names.append(bone_map.root_bone)
    return list(dict.fromkeys(names))


def _check_map(obj: bpy.types.Object, bone_map: BoneMap) -> None:
    if not bone_map.bones.get("pelvis"):
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"No bone of {obj.name!r} is set for the pelvis.",
            "Set it in the list, or choose a preset that fits the rig.",
        )
    for name in _wanted(bone_map):
        if name not in obj.data.bones:
            raise RecoverError(
                ErrorCode.BAD_INPUT,
                f"The map names the bone {name!r}, which {obj.name!r} does not have.",
                "Correct it in the list, or detect the bones anew.",
            )
    twice = duplicate_uses(bone_map.bones)
    if twice:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The map uses the bone {twice[0]!r} for more than one part of the body.",
            "Clear one of them in the list.",
        )


def _driven(obj: bpy.types.Object) -> set[str]:
    """Bones that constraints or drivers turn or move."""
    names = {
        bone.name
        for bone in obj.pose.bones
        for c in bone.constraints
        if not c.mute and c.type not in _CONSTRAINTS_THAT_PASS
    }
    for bone in obj.pose.bones:  # a chain of inverse kinematics moves its parents too
        for c in bone.constraints:
            if c.type == "IK" and not c.mute:
                length, link = c.chain_count or 10**6, bone if c.use_tail else bone.parent
                while link is not None and length > 0:
                    names.add(link.name)
                    link, length = link.parent, length - 1
    data = obj.animation_data
    for driver in data.drivers if data is not None else ():
        path = driver.data_path
        if path.startswith('pose.bones["') and path.rpartition('"].')[2].startswith(("rotation", "location")):
            names.add(path[len('pose.bones["') :].rpartition('"].')[0])
    return names


def _through_constraints(bone: bpy.types.Bone, driven: set[str], wanted: Iterable[str]) -> bool:
    """Whether a bone hangs from something that moves by constraints, up to the next bone that we turn ourselves."""
    parent = bone.parent
    while parent is not None:
        if parent.name in driven:
            return True
        if parent.name in wanted:
            return False
        parent = parent.parent
    return False


def _nodes(obj: bpy.types.Object, names: set[str], follows: dict[str, Follow]) -> list[Node]:
    """Nodes of bones, each after those that it follows."""
    order: list[str] = []
    placed: set[str] = set()

    def add(name: str) -> None:
        if name in placed:
            return
        placed.add(name)
        parent = obj.data.bones[name].parent
        needed = follows[name].needed() if name in follows else [parent.name] if parent else []
        for other in needed:
            add(other)
        order.append(name)

    for name in sorted(names, key=lambda n: len(obj.data.bones[n].parent_recursive)):
        add(name)
    index = {name: i for i, name in enumerate(order)}
    return [_node(obj, name, index, follows.get(name)) for name in order]


def _node(obj: bpy.types.Object, name: str, index: dict[str, int], follow: Follow | None) -> Node:
    bone, pose_bone = obj.data.bones[name], obj.pose.bones[name]
    rest = np.array(bone.matrix_local)
    turn = from_matrices(rest[:3, :3])
    head, tail = rest[:3, 3].copy(), np.array(bone.tail_local)
    basis, location = _basis(pose_bone)
    movable = not bone.use_connect
    if follow is not None:
        turn_follow = index[follow.turn] if follow.turn else -1
        place_follow = index[follow.place] if follow.place else -1
        offset = follow.turn_offset
        axes = offset
        if not bone.use_local_location and bone.parent is not None:  # then it is moved along its parent's axes
            above = from_matrices(np.array(bone.parent.matrix_local)[:3, :3])
            axes = multiply(multiply(offset, conjugate(turn)), above)
        return Node(
            name, head, tail, turn, turn_follow, offset, place_follow, follow.place_offset,
            turn_follow, axes, basis, location, movable,
        )  # fmt: skip
    parent = bone.parent
    if parent is None:
        axes = turn if bone.use_local_location else np.array([1.0, 0.0, 0.0, 0.0])
        return Node(name, head, tail, turn, -1, turn, -1, head, -1, axes, basis, location, movable)
    up = np.array(parent.matrix_local)
    parent_turn = from_matrices(up[:3, :3])
    relative = multiply(conjugate(parent_turn), turn)
    offset = rotate(conjugate(parent_turn), head - up[:3, 3])
    i = index[parent.name]
    if bone.use_local_location:
        axes_follow, axes = i, relative
    elif bone.use_inherit_rotation:
        axes_follow, axes = i, np.array([1.0, 0.0, 0.0, 0.0])
    else:
        axes_follow, axes = -1, np.array([1.0, 0.0, 0.0, 0.0])
    turn_follow, turn_offset = (i, relative) if bone.use_inherit_rotation else (-1, turn)
    return Node(
        name, head, tail, turn, turn_follow, turn_offset, i, offset, axes_follow, axes, basis, location, movable
    )


def _basis(bone: bpy.types.PoseBone) -> tuple[Array, Array]:
    place, turn, _ = bone.matrix_basis.decompose()
    return np.array(turn), np.array(place)


def _tips(obj: bpy.types.Object, bone_map: BoneMap) -> dict[str, Array]:
    """Where parts end whose last bone has a single child that the map does not use (an end bone)."""
    used = set(_fk(bone_map))
    tips = {}
    for part, chain in bone_map.bones.items():
        children = [child for child in obj.data.bones[chain[-1]].children if child.name not in used]
        if len(children) == 1 and part.endswith(("3", "foot")):
            tips[part] = np.array(children[0].head_local)
    return tips
