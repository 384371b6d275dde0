"""A shot's camera that sees the scene as the video's did, with the video behind it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ..compat import assign_action
from ..core.axes import to_blender_camera, to_blender_points
from ..core.keys import Curve, curve
from ..core.lens import SENSOR_MM, lens_from_intrinsics
from ..core.quaternions import from_matrices, make_continuous
from ..core.timing import KeyTimes, movie_frames
from .actions import write_action

_CLIP_END: Final = 1000.0


@dataclass(frozen=True)
class Footage:
    """The video to show behind the scene.

    Attributes:
        path: the movie file, or the first image of a sequence.
        first_number: for a sequence the number in its first image's name; None for a movie.
    """

    path: Path
    first_number: int | None = None


@dataclass(frozen=True)
class View:
    """What the camera saw, T clip frames.

    Attributes:
        K: `[T,3,3]`, pixels of the upright picture.
        size_wh: that picture's size.
        R_cam_to_world, position: `[T,3,3]` and `[T,3]`: our world, camera in OpenCV axes, metres.
        time_s: `[T]`, seconds, the file's first frame at 0.
        fps: nominal frames per second of the file.
    """

    K: NDArray[np.float64]
    size_wh: tuple[int, int]
    R_cam_to_world: NDArray[np.float64]
    position: NDArray[np.float64]
    time_s: NDArray[np.float64]
    fps: float


def build_camera(
    name: str,
    view: View,
    times: KeyTimes,
    footage: Footage | None,
    render_aspect: float,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """A new camera object in `collection`; what changes over the shot is keyed, the rest is plain values.

    The scene's resolution is left alone: in a view of the video's aspect the camera frames exactly the video, in
    any other it shows all of it. Blender's camera has no lens distortion: a lens that bends lines is matched in its
    pinhole part only.

    Args:
        name: of the object.
        view: the shot's camera.
        times: at least one key; only frames of this shot.
        footage: the background, or None for a camera without one.
        render_aspect: width / height of the scene's view.
        collection: where it goes.
    """
    data = bpy.data.cameras.new(name)
    obj = bpy.data.objects.new(name, data)
    collection.objects.link(obj)
    obj.rotation_mode = "QUATERNION"
    data.sensor_width = data.sensor_height = SENSOR_MM
    data.clip_end = _CLIP_END

    frames = times.clip_frame
    lens = lens_from_intrinsics(view.K[frames], view.size_wh, render_aspect)
    data.sensor_fit = lens.sensor_fit
    lens_curves = [
        curve("lens", 0, "Lens", times, lens.focal_mm),
        curve("shift_x", 0, "Lens", times, lens.shift_x),
        curve("shift_y", 0, "Lens", times, lens.shift_y),
    ]
    data.lens, data.shift_x, data.shift_y = (c.values[0] for c in lens_curves)

    places = to_blender_points(view.position[frames])
    turns = make_continuous(from_matrices(to_blender_camera(view.R_cam_to_world[frames])))
    place_curves = [curve("location", i, "Camera", times, places[:, i]) for i in range(3)]
    place_curves += [curve("rotation_quaternion", i, "Camera", times, turns[:, i]) for i in range(4)]
    obj.location, obj.rotation_quaternion = places[0], turns[0]

    if footage is not None:
        lens_curves += _show_footage(data, footage, view, times)
    _animate(obj, "OBJECT", name, place_curves)
    _animate(data, "CAMERA", name, lens_curves)
    return obj


def _animate(owner: bpy.types.ID, id_type: str, name: str, curves: list[Curve]) -> None:
    moving = [c for c in curves if len(c.frames) > 1]
    if moving:
        assign_action(owner, write_action(name, id_type, moving))


def _show_footage(data: bpy.types.Camera, footage: Footage, view: View, times: KeyTimes) -> list[Curve]:
    """Set the background, and return the curve that keeps it in step with the keys."""
    if footage.first_number is None:
        image = bpy.data.images.load(str(footage.path), check_existing=True)
    else:
        image = bpy.data.images.load(str(footage.path))
        image.source = "SEQUENCE"
    background = data.background_images.new()
    background.source = "IMAGE"
    background.image = image
    background.frame_method = "FIT"
    background.alpha = 1.0
    background.display_depth = "BACK"
    data.show_background_images = True

    first, last = int(np.floor(times.scene_frame[0])), int(np.ceil(times.scene_frame[-1]))
    scene_frames = np.arange(first, last + 1)
    shown = movie_frames(times, view.time_s, view.fps, scene_frames)
    if footage.first_number is not None:
        shown += footage.first_number - 1
    # Blender shows frame (scene frame - frame_start + 1) + frame_offset
    offsets = shown - (scene_frames - first + 1)
    user = background.image_user
    user.use_auto_refresh = True
    user.frame_start = first
    user.frame_duration = len(scene_frames)
    user.frame_offset = int(offsets[0])
    changes = np.flatnonzero(np.diff(offsets, prepend=offsets[0] - 1))
    path = "background_images[0].image_user.frame_offset"
    held = np.ones(len(changes), dtype=bool)
    return [Curve(path, 0, "Background", scene_frames[changes].astype(np.float64), offsets[changes] * 1.0, held)]
