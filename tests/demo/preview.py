"""Pictures of a recovery, rendered by Blender: the body over the video, and from the side."""

from pathlib import Path
from typing import Final

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from recover_motion.addon.compat import sequencer_strips

PANEL: Final = (640, 360)
_SAMPLES: Final = 6
_SIDE_GREY: Final = 0.86


class Stage:
    """A scene of its own that shows what was built with light, a floor that catches shadows, and no background."""

    def __init__(self, scene: bpy.types.Scene, first: int, last: int) -> None:
        self.scene = bpy.data.scenes.new("Preview")
        self.first, self.last = first, last
        for collection in scene.collection.children:
            self.scene.collection.children.link(collection)
        self.armatures = [obj for obj in scene.objects if obj.type == "ARMATURE"]
        self.scene.frame_start, self.scene.frame_end = first, last
        self.scene.render.fps, self.scene.render.fps_base = scene.render.fps, scene.render.fps_base
        self.camera = scene.camera
        self._side: bpy.types.Object | None = None
        self._light()
        self._engine()

    def _engine(self) -> None:
        render, cycles = self.scene.render, self.scene.cycles
        render.engine = "CYCLES"
        render.resolution_x, render.resolution_y = PANEL
        render.film_transparent = True
        render.use_persistent_data = True
        render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
        cycles.samples, cycles.max_bounces = _SAMPLES, 2
        cycles.use_denoising = False  # takes far longer than the picture itself on a few cores
        self.scene.view_settings.view_transform = "Standard"

    def _light(self) -> None:
        self.scene.world = bpy.data.worlds.new("Preview")
        self.scene.world.color = (0.45, 0.47, 0.5)
        lamp = bpy.data.lights.new("Preview sun", "SUN")
        lamp.energy, lamp.angle = 2.5, 0.3
        sun = bpy.data.objects.new("Preview sun", lamp)
        sun.rotation_euler = (0.3, 0.2, 0.0)
        self.scene.collection.objects.link(sun)
        size = 30.0
        corners = [(x, y, 0.0) for x, y in ((-size, -size), (size, -size), (size, size), (-size, size))]
        plane = bpy.data.meshes.new("Preview floor")
        plane.from_pydata(corners, [], [(0, 1, 2, 3)])
        floor = bpy.data.objects.new("Preview floor", plane)
        floor.is_shadow_catcher = True
        self.scene.collection.objects.link(floor)

    def _side_camera(self) -> bpy.types.Object:
        """A camera that sees the whole path from the side of the video's camera, a little from above."""
        if self._side is None:
            roots = []
            for frame in range(self.first, self.last + 1, 5):
                self.scene.frame_set(frame)
                roots += [a.matrix_world @ a.pose.bones["root"].head for a in self.armatures]
            low, high = np.min(roots, axis=0), np.max(roots, axis=0)
            centre = Vector((*(0.5 * (low + high))[:2], 0.85))
            towards = (centre - self.camera.matrix_world.translation).to_2d().normalized()
            aside = Vector((towards.y, -towards.x, 0.28)).normalized()
            lens = bpy.data.cameras.new("Preview side")
            self._side = bpy.data.objects.new("Preview side", lens)
            lens.lens = 50
            distance = 2.9 + 1.8 * max(float(np.linalg.norm((high - low)[:2])), 1.6)
            self._side.location = centre + distance * aside
            self._side.rotation_euler = (-aside).to_track_quat("-Z", "Y").to_euler()
            self.scene.collection.objects.link(self._side)
        return self._side

    def _frame_people(self) -> None:
        """Render only around the people and their shadows: several times faster."""
        bones = [a.matrix_world @ bone.head for a in self.armatures for bone in a.pose.bones]
        seen = np.array([world_to_camera_view(self.scene, self.scene.camera, point) for point in bones])
        low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
        margin = np.array([0.6, 0.15]) * (high - low).max() * [PANEL[1] / PANEL[0], 1.0]
        render = self.scene.render
        render.use_border = True
        render.border_min_x, render.border_min_y = np.clip(low - margin, 0, 1)
        render.border_max_x, render.border_max_y = np.clip(high + margin, 0, 1)

    def render(self, folder: Path, frames: list[int], *, side: bool = False) -> None:
        """Write `0001.png`, ... into `folder`, one picture for each of the scene frames, with alpha."""
        folder.mkdir(parents=True, exist_ok=True)
        self.scene.camera = self._side_camera() if side else self.camera
        for number, frame in enumerate(frames, start=1):
            self.scene.frame_set(frame)
            self._frame_people()
            self.scene.render.filepath = str(folder / f"{number:04}.png")
            # naming the scene to the operator would render it at the other scene's current frame
            with bpy.context.temp_override(scene=self.scene):
                bpy.ops.render.render(write_still=True)


class Comparison:
    """A scene whose sequencer shows the video (left) and the body over the video (right)."""

    def __init__(self, video: Path, renders: Path, frames: list[int], strip_start: int, scene_fps: float) -> None:
        """Lay out the strips.

        Args:
            video: the clip; one of its frames is one scene frame.
            renders: folder with `0001.png`, ..., one for each of `frames`.
            frames: the scene frames that were rendered, at even distance.
            strip_start: scene frame of the video's first frame.
            scene_fps: scene frames a second.
        """
        self.scene = bpy.data.scenes.new("Comparison")
        self.frames, self.step = frames, frames[1] - frames[0] if len(frames) > 1 else 1
        width, height = PANEL
        render = self.scene.render
        render.resolution_x, render.resolution_y = 2 * width, height
        render.fps, render.fps_base = round(scene_fps), self.step * round(scene_fps) / scene_fps
        self.scene.view_settings.view_transform = "Standard"
        strips = sequencer_strips(self.scene.sequence_editor_create())
        for channel, side in ((1, -1), (2, 1)):
            strip = strips.new_movie(f"video {channel}", str(video), channel, strip_start, fit_method="ORIGINAL")
            strip.transform.scale_x = strip.transform.scale_y = width / strip.elements[0].orig_width
            strip.transform.offset_x = side * width / 2
            strip.blend_type = "ALPHA_OVER"
        for number, frame in enumerate(frames, start=1):
            body = strips.new_image(
                f"body {number}", str(renders / f"{number:04}.png"), 3, frame, fit_method="ORIGINAL"
            )
            body.frame_final_duration = self.step
            body.transform.offset_x = width / 2
            body.blend_type = "ALPHA_OVER"

    def write_movie(self, target: Path) -> None:
        """Write all frames as an .mp4 that plays at the clip's pace."""
        scene, render = self.scene, self.scene.render
        scene.frame_start, scene.frame_end, scene.frame_step = self.frames[0], self.frames[-1], self.step
        render.filepath, render.use_file_extension = str(target), False
        render.image_settings.file_format = "FFMPEG"
        render.ffmpeg.format, render.ffmpeg.codec, render.ffmpeg.constant_rate_factor = "MPEG4", "H264", "MEDIUM"
        with bpy.context.temp_override(scene=scene):
            bpy.ops.render.render(animation=True)

    def write_picture(self, target: Path, frame: int) -> None:
        """Write one scene frame as a .png."""
        self.scene.frame_set(frame)
        self.scene.render.filepath = str(target)
        self.scene.render.image_settings.file_format = "PNG"
        with bpy.context.temp_override(scene=self.scene):
            bpy.ops.render.render(write_still=True)


def write_sheet(rows: list[tuple[Path, Path]], target: Path) -> None:
    """One picture: under each other, each comparison with the view from the side to its right."""
    lines = []
    for comparison, side in rows:
        left, right = _pixels(comparison), _pixels(side)
        right[..., :3] = right[..., :3] * right[..., 3:] + _SIDE_GREY * (1 - right[..., 3:])
        right[..., 3] = 1
        lines.append(np.hstack([left, right]))
    sheet = np.vstack(lines[::-1])  # Blender counts rows from below
    image = bpy.data.images.new("sheet", sheet.shape[1], sheet.shape[0])
    image.pixels.foreach_set(sheet.astype(np.float32).ravel())
    image.filepath_raw, image.file_format = str(target), "PNG"
    image.save()


def _pixels(path: Path) -> np.ndarray:
    image = bpy.data.images.load(str(path))
    flat = np.empty(4 * image.size[0] * image.size[1], dtype=np.float32)
    image.pixels.foreach_get(flat)
    return flat.reshape(image.size[1], image.size[0], 4)
