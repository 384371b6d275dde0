"""A recovered armature's motion as arrays, read from the keys of its action in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ...inference_backend.protocol.skeleton import BODY_JOINTS, CONTACT_POINTS, JOINTS, PARENTS
from ..compat import existing_curves
from ..core.contacts import contact_path, held_values
from ..core.quaternions import from_matrices, from_rotation_vectors, multiply
from ..core.rest_bones import ROOT
from ..core.retarget.rotations import about, rotate
from ..core.retarget.skeletons import Array, SourceMotion
from .space import Space


@dataclass(frozen=True)
class Clip:
    """A motion with its place on the timeline.

    Attributes:
        motion: T keys.
        frames: `[T]`, scene frames; held: bool `[T]`, the pose stays until the next key.
    """

    motion: SourceMotion
    frames: Array
    held: NDArray[np.bool_]


def is_source(obj: bpy.types.Object | None) -> bool:
    """Whether an object is an armature with SMPL-X's body joints, as recovered ones are."""
    return obj is not None and obj.type == "ARMATURE" and all(name in obj.data.bones for name in BODY_JOINTS)


def read_clip(armature: bpy.types.Object, scene: bpy.types.Scene, space: Space) -> Clip:
    """The motion of a recovered armature.

    Args:
        armature: with SMPL-X's names and an action in use.
        scene: whose frame rate counts.
        space: the target's, which everything is given in.

    Raises:
        RecoverError: `BAD_INPUT`, it is no such armature, or has no keys.
    """
    if not is_source(armature):
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{armature.name!r} is no recovered armature: it lacks some of SMPL-X's joints.",
            "Choose an armature that Recover Motion made as the source.",
        )
    curves = _curves(armature)
    frames, held = _key_frames(curves)
    if len(frames) == 0:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{armature.name!r} has no action with keys in use, so there is no motion to carry over.",
            "Make the action of the recovered motion the active one again.",
        )
    local = _Pose(armature, curves, frames)
    world_turn, scale = _world(armature)
    turns = multiply(world_turn, multiply(local.turns, world_turn * [1.0, -1.0, -1.0, -1.0]))

    def points(at: Array) -> Array:
        """Places from the source object's own, so that the target's object is what places the motion."""
        return space.points(scale * rotate(world_turn, at))

    fps = scene.render.fps / scene.render.fps_base
    motion = SourceMotion(
        time_s=frames / fps,
        rest=points(local.rest),
        rest_tails=points(local.rest_tails),
        turns=space.turns(turns[:, 1:]),
        places=points(local.places[:, 1:]),
        root=points(local.places[:, 0]),
        root_turns=space.turns(turns[:, 0]),
        contact=_contacts(armature, frames),
        up=space.direction(np.array([0.0, 0.0, 1.0])),
    )
    return Clip(space.sided(motion), frames, held)


def _world(armature: bpy.types.Object) -> tuple[Array, float]:
    _, turn, scale = armature.matrix_world.decompose()
    return np.array(turn), float(np.mean(scale))


def _curves(armature: bpy.types.Object) -> dict[tuple[str, int], Any]:
    found = existing_curves(armature)
    if found is None:
        return {}
    return {(c.data_path, c.array_index): c for c in found[1].fcurves if len(c.keyframe_points) and not c.mute}


def _key_frames(curves: dict[tuple[str, int], Any]) -> tuple[Array, NDArray[np.bool_]]:
    """All frames with a key of a bone, and whether the pose is held there."""
    all_frames, all_held = [], []
    for (path, _), curve in curves.items():
        if path.startswith("pose.bones"):
            frames, _, held = keys_of(curve)
            if not any(len(frames) == len(known) and np.array_equal(frames, known) for known in all_frames):
                all_frames.append(frames)
                all_held.append(held)
    if not all_frames:
        return np.zeros(0), np.zeros(0, dtype=bool)
    frames = np.unique(np.concatenate(all_frames))
    held = np.zeros(len(frames), dtype=bool)
    longest = int(np.argmax([len(f) for f in all_frames]))
    held[np.searchsorted(frames, all_frames[longest])] = all_held[longest]
    return frames, held


def keys_of(curve: Any) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Frames, values and whether they are held, `[N]` each, of a curve's keys."""
    count = len(curve.keyframe_points)
    co = np.zeros(2 * count, dtype=np.float32)
    curve.keyframe_points.foreach_get("co", co)
    kinds = np.zeros(count, dtype=np.uint8)
    curve.keyframe_points.foreach_get("interpolation", kinds)
    pairs = co.reshape(-1, 2).astype(np.float64)
    return pairs[:, 0], pairs[:, 1], kinds == _KINDS["CONSTANT"]


_KINDS: Final = {
    item.identifier: item.value for item in bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items
}


def sampled(curve: Any, frames: Array) -> Array:
    """Values `[T]` of a curve at frames."""
    at, values, held = keys_of(curve)
    if len(curve.modifiers) == 0:
        if len(at) == len(frames) and np.array_equal(at, frames):
            return values
        if len(at) == 1:
            return np.full(len(frames), values[0])
        row = np.clip(np.searchsorted(at, frames), 0, len(at) - 1)
        if np.array_equal(at[row], frames):
            return values[row]
        inside = frames[(frames > at[0]) & (frames < at[-1])]
        if held.all() or len(inside) == 0:
            return held_values(at, values, frames)
    return np.array([curve.evaluate(frame) for frame in frames])


class _Pose:
    """The armature through the clip, in its own space.

    Attributes:
        turns: `[T,56,4]`, how root and joints have turned since rest; places: `[T,56,3]`.
        rest, rest_tails: `[55,3]`.
    """

    def __init__(self, armature: bpy.types.Object, curves: dict[tuple[str, int], Any], frames: Array) -> None:
        names = (ROOT, *JOINTS)
        parents = (-1, *(parent + 1 for parent in PARENTS))
        bones = armature.data.bones
        count = len(frames)
        heads, tails = np.zeros((56, 3)), np.zeros((56, 3))
        self.turns, self.places = np.zeros((count, 56, 4)), np.zeros((count, 56, 3))
        for i, name in enumerate(names):
            bone, parent = bones.get(name), parents[i]
            if bone is None:  # a body without root, fingers or face: it stays where its parent has it
                heads[i] = heads[parent] if i else np.zeros(3)
                tails[i] = tails[parent] if i else np.zeros(3)
                self.turns[:, i] = self.turns[:, parent] if i else [1.0, 0.0, 0.0, 0.0]
                self.places[:, i] = self.places[:, parent] if i else 0.0
                continue
            rest = np.array(bone.matrix_local)
            heads[i], tails[i] = rest[:3, 3], bone.tail_local
            axes = from_matrices(rest[:3, :3])
            basis, location = self._channels(armature.pose.bones[name], curves, frames)
            turn = multiply(axes, multiply(basis, axes * [1.0, -1.0, -1.0, -1.0]))
            shift = rotate(axes, location)
            if parent < 0:
                self.turns[:, i], self.places[:, i] = turn, heads[i] + shift
            else:
                self.turns[:, i] = multiply(self.turns[:, parent], turn)
                moved = rotate(self.turns[:, parent], heads[i] - heads[parent] + shift)
                self.places[:, i] = self.places[:, parent] + moved
        self.rest, self.rest_tails = heads[1:], tails[1:]
        if bones.get(ROOT) is None:
            self.places[:, 0] = self.places[:, 1] * [1.0, 1.0, 0.0]

    def _channels(
        self, bone: bpy.types.PoseBone, curves: dict[tuple[str, int], Any], frames: Array
    ) -> tuple[Array, Array]:
        path = bone.path_from_id()

        def channel(name: str, still: Sequence[float]) -> Array:
            found = [curves.get((f"{path}.{name}", axis)) for axis in range(len(still))]
            if not any(found):
                return np.array(still, dtype=np.float64)
            values = [
                sampled(curve, frames) if curve is not None else np.full(len(frames), value)
                for curve, value in zip(found, still, strict=True)
            ]
            return np.stack(values, axis=-1)

        location = channel("location", bone.location)
        if bone.rotation_mode == "QUATERNION":
            q = channel("rotation_quaternion", bone.rotation_quaternion)
            return q / np.maximum(np.linalg.norm(q, axis=-1, keepdims=True), 1e-12), location
        if bone.rotation_mode == "AXIS_ANGLE":
            values = channel("rotation_axis_angle", bone.rotation_axis_angle)
            axis = values[..., 1:] / np.maximum(np.linalg.norm(values[..., 1:], axis=-1, keepdims=True), 1e-12)
            return from_rotation_vectors(values[..., :1] * axis), location
        angles = channel("rotation_euler", bone.rotation_euler)
        q = np.array([1.0, 0.0, 0.0, 0.0])
        for axis in bone.rotation_mode:  # the first letter turns first
            i = "XYZ".index(axis)
            q = multiply(about(np.eye(3)[i], angles[..., i]), q)
        return q, location


def _contacts(armature: bpy.types.Object, frames: Array) -> NDArray[np.bool_]:
    found = existing_curves(armature)
    curves = {c.data_path: c for c in found[1].fcurves if c.data_path.startswith('["contact')} if found else {}
    contact = np.zeros((len(frames), len(CONTACT_POINTS)), dtype=bool)
    for column, point in enumerate(CONTACT_POINTS):
        curve = curves.get(contact_path(point))
        if curve is not None and len(curve.keyframe_points):
            at, values, _ = keys_of(curve)
            contact[:, column] = held_values(at, values, frames) > 0.5
    return contact
