"""A scene with what goes into the file and nothing else: copies, in the file's unit and axes, gone afterwards."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ..compat import ActionCurves, assign_strip_action
from ..core.export.skeleton import Skeleton
from ..core.keys import Curve, curve
from ..core.pose_matrices import local_channels
from ..core.timing import KeyTimes
from ..result.actions import write_action

Array = NDArray[np.float64]

ARMATURE_NAME: Final = "Armature"
"""Unreal drops an armature of exactly this name; of any other it makes a further root bone."""
AT_REST: Final = -10
"""A frame on which nothing moves yet."""
NOT_MOVED_M: Final = 1e-4
"""A bone that never leaves its place under its parent by more than this is not moved at all: that is rounding."""


class TemporaryScene:
    """A temporary scene; use it as a context manager.

    Attributes:
        scene: for the exporter.
        armature: the copy, once `add_armature` made it.
        made: what is removed on leaving.
    """

    def __init__(self) -> None:
        # the glTF exporter shows the scene that it exports in the window, and then what it takes for the user's
        self._shown = [(window, window.scene) for window in bpy.context.window_manager.windows]
        self.scene = bpy.data.scenes.new("Recover Motion (export)")
        self.armature: bpy.types.Object | None = None
        self.made: list[bpy.types.ID] = []

    def __enter__(self) -> "TemporaryScene":
        return self

    def __exit__(self, *_: object) -> None:
        for window, scene in self._shown:
            if window.scene != scene:
                window.scene = scene
        bpy.data.scenes.remove(self.scene)
        # one by one: batch_remove, which Blender calls experimental, once aborted here in 4.2
        kinds = {"OBJECT": bpy.data.objects, "ARMATURE": bpy.data.armatures, "MESH": bpy.data.meshes}
        for item in sorted(self.made, key=lambda made: made.id_type != "OBJECT"):
            kinds.get(item.id_type, bpy.data.actions).remove(item)

    @property
    def context(self) -> dict[str, Any]:
        """What to override Blender's context with."""
        layer = self.scene.view_layers[0]
        active = layer.objects.active
        return {
            "scene": self.scene,
            "view_layer": layer,
            "active_object": active,
            "object": active,
            "selected_objects": list(self.scene.objects),
        }

    def set_rate(self, fps: float) -> None:
        """Frames per second, as exact as Blender can hold them: 24000/1001 is 24 over 1.001."""
        render = self.scene.render
        whole = max(round(fps), 1)
        for base in (1.0, 1.001):
            if abs(whole / base - fps) < 1e-3 * fps / 100:
                render.fps, render.fps_base = whole, base
                return
        render.fps, render.fps_base = whole, whole / fps

    def add_armature(self, skeleton: Skeleton) -> bpy.types.Object:
        """An armature object with these bones at the scene's origin; the active object."""
        data = bpy.data.armatures.new(ARMATURE_NAME)
        obj = self.armature = bpy.data.objects.new(ARMATURE_NAME, data)
        self.made += [obj, data]
        self.scene.collection.objects.link(obj)
        self.scene.view_layers[0].objects.active = obj
        with bpy.context.temp_override(**self.context):
            bpy.ops.object.mode_set(mode="EDIT")
            bones = []
            for i, name in enumerate(skeleton.names):
                bone = data.edit_bones.new(name)
                bone.head, bone.tail = skeleton.heads[i], skeleton.tails[i]
                bone.align_roll(skeleton.rest[i, :3, 2])
                if skeleton.parents[i] >= 0:
                    bone.parent = bones[skeleton.parents[i]]
                bones.append(bone)
            bpy.ops.object.mode_set(mode="OBJECT")
        for bone in obj.pose.bones:
            bone.rotation_mode = "QUATERNION"
        return obj

    def add_motion(self, name: str, skeleton: Skeleton, poses: Array, metres: float) -> ActionCurves:
        """An action that brings the armature's bones to `poses` `[T,B,4,4]`, one on each frame from 0 on.

        Args:
            name: of the action.
            skeleton: as given to `add_armature`.
            poses: in the file's unit and axes.
            metres: in one unit.
        """
        rest = np.array([self.armature.data.bones[bone].matrix_local for bone in skeleton.names], dtype=np.float64)
        locations, turns = local_channels(rest, poses, skeleton.parents)
        locations[:, np.abs(locations).max(axis=(0, 2)) * metres < NOT_MOVED_M] = 0.0
        count = len(poses)
        times = KeyTimes(np.arange(count, dtype=np.float64), np.arange(count), np.zeros(count, dtype=bool))
        curves: list[Curve] = []
        for i, bone in enumerate(skeleton.names):
            path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
            curves += [curve(f"{path}location", k, bone, times, locations[:, i, k]) for k in range(3)]
            curves += [curve(f"{path}rotation_quaternion", k, bone, times, turns[:, i, k]) for k in range(4)]
        action = write_action(name, "OBJECT", curves)
        self.made.append(action.action)
        return action

    def play(self, motions: Sequence[tuple[str, ActionCurves, int]]) -> None:
        """Let the armature show motions, each from frame 0 on, on NLA tracks of its own; before that it rests.

        Exporters that want the rest pose find it on the scene's current frame.

        Args:
            motions: name, action (of `add_motion`) and number of frames of each.
        """
        data = self.armature.animation_data_create()
        for name, action, count in motions:
            track = data.nla_tracks.new()
            strip = track.strips.new(name, 0, action.action)
            track.name = strip.name = name
            assign_strip_action(strip, action)
            end = float(max(count - 1, 1))
            strip.action_frame_start, strip.action_frame_end = 0.0, end
            strip.frame_start, strip.frame_end = 0.0, end
            strip.extrapolation = "NOTHING"
        self.scene.frame_start, self.scene.frame_end = 0, max(count for _, _, count in motions) - 1
        self.scene.frame_set(AT_REST)


@contextmanager
def named(names: dict[bpy.types.Object, str]) -> Iterator[None]:
    """Lend copies names that objects of the user's file may have."""
    lent = [
        (owner, name)
        for name in names.values()
        for owner in bpy.data.objects
        if owner.name == name and owner.library is None and owner not in names
    ]
    before = {item: item.name for item in names}
    try:
        for owner, name in lent:
            owner.name = f"{name[:40]} (lent)"
        for item, name in names.items():
            item.name = name
        yield
    finally:
        for item, name in before.items():
            item.name = name
        for owner, name in lent:
            owner.name = name
