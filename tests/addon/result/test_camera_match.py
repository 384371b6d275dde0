"""Seen through the camera, everything lies where the pinhole matrix puts it."""

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from recover_motion.addon.compat import sequencer_strips
from recover_motion.addon.core.timing import as_shown, real_time
from recover_motion.addon.result.camera import Footage, View, build_camera

from tests.addon.synthetic_result import rotation, smooth_noise

PORTRAIT, LANDSCAPE = (720, 1280), (1280, 720)


def view_of(rng, count, size_wh, fps=30.0, *, zoom=False, moves=False):
    width, height = size_wh
    focal = np.linspace(900, 1400, count) if zoom else np.full(count, 1100.0)
    K = np.zeros((count, 3, 3))
    K[:, 0, 0] = K[:, 1, 1] = focal
    K[:, 0, 2], K[:, 1, 2], K[:, 2, 2] = 0.46 * width, 0.57 * height, 1
    turn = smooth_noise(rng, count, (3,), 0.3) if moves else np.tile([0.1, 0.2, -0.05], (count, 1))
    R = rotation(turn) @ np.diag([1.0, -1.0, -1.0])
    place = np.array([0.3, 1.2, 5.0]) + (smooth_noise(rng, count, (3,), 0.5) if moves else np.zeros((count, 3)))
    return View(K, size_wh, R, place, np.arange(count) / fps, fps)


def project(view, frame, points):
    seen = (points - view.position[frame]) @ view.R_cam_to_world[frame]
    pixels = seen @ view.K[frame].T
    return pixels[:, :2] / pixels[:, 2:]


@pytest.mark.parametrize("size_wh", [PORTRAIT, LANDSCAPE, (600, 600)])
@pytest.mark.parametrize("changes", [{}, {"zoom": True, "moves": True}])
def test_joints_lie_where_the_pinhole_matrix_puts_them(scene, rng, size_wh, changes):
    scene.render.resolution_x, scene.render.resolution_y = size_wh
    view = view_of(rng, 10, size_wh, **changes)
    times = real_time(view.time_s, 30, 1)
    camera = build_camera("camera", view, times, None, size_wh[0] / size_wh[1], scene.collection)
    assert (camera.animation_data is not None) == bool(changes)
    points = rng.uniform([-1, 0, -1], [1, 2, 1], (30, 3))
    for frame in (0, 4, 9):
        scene.frame_set(1 + frame)
        seen = [world_to_camera_view(scene, camera, Vector((x, -z, y))) for x, y, z in points]
        pixels = np.array([[p.x * size_wh[0], (1 - p.y) * size_wh[1]] for p in seen])
        assert np.abs(pixels - project(view, frame, points)).max() < 0.01


@pytest.mark.parametrize(("size_wh", "fills_width"), [(PORTRAIT, False), (LANDSCAPE, True)])
def test_a_view_of_another_aspect_shows_the_whole_picture(scene, rng, size_wh, fills_width):
    scene.render.resolution_x, scene.render.resolution_y = 1000, 800
    view = view_of(rng, 2, size_wh)
    camera = build_camera("camera", view, real_time(view.time_s, 30, 1), None, 1000 / 800, scene.collection)
    assert (scene.render.resolution_x, scene.render.resolution_y) == (1000, 800)
    bpy.context.view_layer.update()
    points = rng.uniform([-1, 0, -1], [1, 2, 1], (30, 3))
    scale = 1000 / size_wh[0] if fills_width else 800 / size_wh[1]
    margin = (np.array([1000, 800]) - scale * np.array(size_wh)) / 2
    assert (margin > -1e-9).all()
    seen = [world_to_camera_view(scene, camera, Vector((x, -z, y))) for x, y, z in points]
    pixels = np.array([[p.x * 1000, (1 - p.y) * 800] for p in seen])
    assert np.abs(pixels - (project(view, 0, points) * scale + margin)).max() < 0.01


def shown_movie_frame(camera, scene_frame):
    """The frame, from 1, that Blender takes from the movie (proved below)."""
    bpy.context.scene.frame_set(scene_frame)
    user = camera.data.background_images[0].image_user
    return min(max(scene_frame - user.frame_start + 1, 0), user.frame_duration) + user.frame_offset


@pytest.fixture
def movie(scene, tmp_path):
    """A movie of 12 frames that Blender itself wrote, each brighter than the one before."""
    path = tmp_path / "été 跳 it's.mp4"
    strips = sequencer_strips(scene.sequence_editor_create())
    for frame in range(1, 13):
        strip = {"name": f"grey {frame}", "type": "COLOR", "channel": 1, "frame_start": frame}
        try:
            made = strips.new_effect(**strip, length=1)
        except TypeError:
            made = strips.new_effect(**strip, frame_end=frame + 1)
        made.color = (frame / 13,) * 3
    scene.view_settings.view_transform = "Standard"
    render = scene.render
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
    render.resolution_x = render.resolution_y = 64
    render.use_file_extension = False
    scene.frame_start, scene.frame_end = 1, 12
    render.filepath = str(path)
    bpy.ops.render.render(animation=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return path


def test_blender_counts_the_frames_of_a_movie_as_we_think(movie, rng):
    """Backgrounds are drawn in a window only; a texture has the same settings, and can be rendered."""
    scene = bpy.context.scene
    view = view_of(rng, 12, LANDSCAPE, 25.0)
    times = as_shown(np.arange(9, 3, -1), 20, np.arange(12))
    camera = build_camera("camera", view, times, Footage(movie), 16 / 9, scene.collection)
    background = camera.data.background_images[0]
    bpy.ops.mesh.primitive_plane_add(size=1000, location=(0, 0, -1))
    material = bpy.data.materials.new("screen")
    if not material.node_tree:
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    texture, light, end = (nodes.new(f"ShaderNode{kind}") for kind in ("TexImage", "Emission", "OutputMaterial"))
    links.new(texture.outputs["Color"], light.inputs["Color"])
    links.new(light.outputs["Emission"], end.inputs["Surface"])
    bpy.context.object.data.materials.append(material)
    texture.image = background.image
    scene.camera = bpy.data.objects.new("above", bpy.data.cameras.new("above"))
    scene.collection.objects.link(scene.camera)
    scene.cycles.use_denoising = False
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(movie.with_suffix(".png"))
    for scene_frame, expected in ((20, 10), (22, 8), (25, 5)):
        scene.frame_set(scene_frame)
        for name in ("frame_start", "frame_duration", "frame_offset", "use_auto_refresh"):
            setattr(texture.image_user, name, getattr(background.image_user, name))
        bpy.ops.render.render(write_still=True)
        picture = bpy.data.images.load(scene.render.filepath)
        assert picture.pixels[0] * 13 == pytest.approx(expected, abs=0.4)
        bpy.data.images.remove(picture)


@pytest.mark.parametrize("clip_fps", [24000 / 1001, 25.0, 60.0])
@pytest.mark.parametrize("scene_fps", [24, 30])
def test_background_is_in_step_at_the_first_middle_and_last_frame(movie, rng, clip_fps, scene_fps):
    scene = bpy.context.scene
    view = view_of(rng, 12, LANDSCAPE, clip_fps)
    times = real_time(view.time_s, scene_fps, 101)
    camera = build_camera("camera", view, times, Footage(movie), 16 / 9, scene.collection)
    background = camera.data.background_images[0]
    assert (background.image.source, background.frame_method) == ("MOVIE", "FIT")
    assert background.image.frame_duration == 12
    assert camera.data.show_background_images
    for frame in (0, 5, 11):
        scene_frame = round(times.scene_frame[frame])
        exact = (scene_frame - 101) / scene_fps * clip_fps + 1
        assert abs(shown_movie_frame(camera, scene_frame) - min(exact, 12)) <= 0.5 + 1e-6


def test_background_shows_what_a_reversed_and_trimmed_strip_shows(movie, rng):
    view = view_of(rng, 12, LANDSCAPE, 25.0)
    shown = np.arange(9, 3, -1)
    times = as_shown(shown, 20, np.arange(12))
    camera = build_camera("camera", view, times, Footage(movie), 16 / 9, bpy.context.scene.collection)
    assert [shown_movie_frame(camera, 20 + s) for s in range(6)] == (shown + 1).tolist()


def test_a_movie_at_the_scene_s_rate_needs_no_keys(movie, rng):
    view = view_of(rng, 12, LANDSCAPE, 24.0)
    times = real_time(view.time_s, 24, 5)
    camera = build_camera("camera", view, times, Footage(movie), 16 / 9, bpy.context.scene.collection)
    assert camera.data.animation_data is None
    assert [shown_movie_frame(camera, s) for s in (5, 16)] == [1, 12]


def test_an_image_sequence_is_counted_by_the_numbers_in_its_names(scene, rng, tmp_path):
    image = bpy.data.images.new("picture", 8, 8)
    for number in range(7, 19):
        image.save(filepath=str(tmp_path / f"shot_{number:04}.png"))
    view = view_of(rng, 12, LANDSCAPE, 24.0)
    footage = Footage(tmp_path / "shot_0007.png", first_number=7)
    camera = build_camera("camera", view, real_time(view.time_s, 24, 1), footage, 16 / 9, scene.collection)
    assert camera.data.background_images[0].image.source == "SEQUENCE"
    assert [shown_movie_frame(camera, s) for s in (1, 12)] == [7, 18]
