"""An armature's bones, and where they are at any times: read in a scene of their own, so the user's stays as it is."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..core.export.skeleton import Skeleton, chosen_bones, rigid, upright_turn
from .clips import Clip

Array = NDArray[np.float64]

_SAME_SCALE = 1e-3
_HALF_STEP = 1e-6


def check_armature(armature: bpy.types.Object) -> None:
    """Refuse an armature whose pose cannot be read as it stands.

    Raises:
        RecoverError: `BAD_SETTING`, with what to change.
    """
    problem = remedy = ""
    if armature.mode == "EDIT":
        problem, remedy = "is in Edit Mode, where it has no pose", "Leave Edit Mode, then export again."
    elif armature.data.pose_position == "REST":
        problem, remedy = "shows its rest position only", "Set its data to Pose Position, then export again."
    elif not armature.data.bones:
        problem, remedy = "has no bones", "Choose another one."
    if problem:
        raise RecoverError(ErrorCode.BAD_SETTING, f"The armature {armature.name} {problem}.", remedy)


def seen_at(scene: bpy.types.Scene, frame: float) -> bpy.types.Depsgraph:
    """What is evaluated of a scene at a frame, without a trace in the objects themselves.

    An active dependency graph, as `bpy.context.evaluated_depsgraph_get` or `ViewLayer.update` make it, writes back what
    it evaluates: poses, and whatever they depend on, would be left as they are on the last frame that was looked at.
    """
    whole = int(np.floor(frame + _HALF_STEP))
    scene.frame_set(whole, subframe=max(float(frame) - whole, 0.0))
    return scene.view_layers[0].depsgraph


class Sampler:
    """Reads the poses of one armature.

    Attributes:
        skeleton: the bones that are exported, at rest, upright, facing -y, metres.
        turn: rotation `[3,3]` from the armature's own axes to these.
        scale: metres in one unit of the armature's own space.
    """

    def __init__(
        self, scene: bpy.types.Scene, armature: bpy.types.Object, first_frame: float, *, all_bones: bool
    ) -> None:
        """Look at an armature.

        Args:
            scene: an empty one.
            armature: may lie in any scene, be hidden, locked or linked.
            first_frame: of the motion; tells how the object stands.
            all_bones: also those that carry no skin.

        Raises:
            RecoverError: `BAD_SETTING`, the armature is in a state that no file can show.
        """
        check_armature(armature)
        self._scene, self._armature = scene, armature
        placed = self._matrices(armature, [first_frame])[1][0]
        axes = placed[:3, :3]
        sizes = np.linalg.norm(axes, axis=0)
        self.scale = float(sizes.mean())
        shear = np.abs(axes.T @ axes - np.diag(sizes**2)).max()
        if sizes.min() <= 0 or np.ptp(sizes) > _SAME_SCALE * self.scale or shear > _SAME_SCALE * self.scale**2:
            raise self._refused("is scaled differently along its axes", sizes)
        if np.linalg.det(axes) < 0:
            raise self._refused("is mirrored by a negative scale", armature.scale)
        bones = list(armature.data.bones)
        index = {bone.name: i for i, bone in enumerate(bones)}
        own = Skeleton(
            tuple(index),
            tuple(index[bone.parent.name] if bone.parent else -1 for bone in bones),
            np.array([bone.matrix_local for bone in bones], dtype=np.float64),
            np.array([bone.length for bone in bones], dtype=np.float64),
        )
        self.turn = upright_turn(own, axes / self.scale)
        upright = own.turned(self.turn, self.scale)
        wanted = range(len(bones)) if all_bones else chosen_bones(upright, [bone.use_deform for bone in bones])
        self.skeleton, order = upright.keep(wanted)
        places = {bone.name: i for i, bone in enumerate(armature.pose.bones)}
        self._rows = [places[own.names[bone]] for bone in order]

    def _refused(self, what: str, sizes: Iterable[float]) -> RecoverError:
        scale = ", ".join(f"{value:.3g}" for value in sizes)
        return RecoverError(
            ErrorCode.BAD_SETTING,
            f"The armature {self._armature.name} {what} ({scale}), which bones in a file cannot be.",
            "Apply its scale (Object > Apply > Scale), or give it one scale for all axes.",
        )

    def poses(self, clip: Clip, times_s: Array, scene_fps: float) -> Array:
        """Where the bones are, matrices `[T,B,4,4]` in the world, metres, without scale.

        Args:
            clip: what motion.
            times_s: `[T]`, seconds from the clip's first frame.
            scene_fps: the rate of the scene that the motion was made in.
        """
        with self._playing(clip) as armature:
            poses = self._matrices(armature, clip.first + times_s * scene_fps)[0]
        return rigid(poses[:, self._rows])

    @contextmanager
    def _playing(self, clip: Clip) -> Iterator[bpy.types.Object]:
        """The armature itself, or, to play one strip or to be seen at all, a copy."""
        if clip.track is None and not self._armature.hide_viewport:
            yield self._armature
            return
        copy = self._armature.copy()
        try:
            copy.hide_viewport = False
            _point_to_itself(copy, self._armature)
            if clip.track is not None:
                copy.animation_data.action = None
                for i, track in enumerate(copy.animation_data.nla_tracks):
                    track.is_solo = False
                    track.mute = i != clip.track
                    for j, strip in enumerate(track.strips):
                        strip.mute = i != clip.track or j != clip.strip
            yield copy
        finally:
            bpy.data.objects.remove(copy)

    def _matrices(self, armature: bpy.types.Object, frames: Array | list[float]) -> tuple[Array, Array]:
        """Pose matrices `[T,B,4,4]` in the world, in the order of the pose's bones, and the object's `[T,4,4]`."""
        scene = self._scene
        scene.collection.objects.link(armature)
        try:
            count = len(armature.pose.bones)
            poses, objects = np.empty((len(frames), count, 4, 4)), np.empty((len(frames), 4, 4))
            flat = np.empty(count * 16, dtype=np.float32)
            for row, frame in enumerate(frames):
                seen = armature.evaluated_get(seen_at(scene, float(frame)))
                seen.pose.bones.foreach_get("matrix", flat)
                objects[row] = seen.matrix_world
                # Blender hands out columns
                poses[row] = objects[row] @ flat.reshape(-1, 4, 4).transpose(0, 2, 1)
        finally:
            scene.collection.objects.unlink(armature)
        return poses, objects


def _point_to_itself(copy: bpy.types.Object, original: bpy.types.Object) -> None:
    """Let the constraints and drivers of a copied rig look at the copy where they looked at the rig itself."""
    for owner in (copy, *copy.pose.bones):
        for constraint in owner.constraints:
            for target in (constraint, *getattr(constraint, "targets", ())):
                if getattr(target, "target", None) == original:
                    target.target = copy
                if getattr(target, "pole_target", None) == original:
                    target.pole_target = copy
    for driven in copy.animation_data.drivers if copy.animation_data else ():
        for variable in driven.driver.variables:
            for target in variable.targets:
                if target.id == original:
                    target.id = copy
