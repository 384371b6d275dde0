"""The strip's timing as we compute it, against the frames that Blender itself renders."""

import bpy
import numpy as np
import pytest
from recover_motion.addon.recover.strip import read_strip

BITS = 10
SIZE = (BITS * 12, 16)


def write_numbered_images(folder, count):
    """Images whose columns spell their number in black and white."""
    paths = []
    for number in range(count):
        image = bpy.data.images.new("n", *SIZE)
        pixels = np.ones((SIZE[1], SIZE[0], 4), dtype=np.float32)
        pixels[..., :3] = np.repeat([(number >> bit) & 1 for bit in range(BITS)], 12)[None, :, None]
        image.pixels.foreach_set(pixels.ravel())
        image.filepath_raw, image.file_format = str(folder / f"frame {number:04d}.png"), "PNG"
        image.save()
        bpy.data.images.remove(image)
        paths.append(folder / f"frame {number:04d}.png")
    return paths


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return write_numbered_images(tmp_path_factory.mktemp("numbered"), 90)


def encode(images, path, fps, base):
    """A movie of the images, made by Blender."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, base
    render = scene.render
    render.resolution_x, render.resolution_y = SIZE
    scene.view_settings.view_transform = "Standard"
    strips = scene.sequence_editor_create()
    strips = strips.strips if hasattr(strips, "strips") else strips.sequences
    strip = strips.new_image("images", str(images[0]), 1, 1)
    for image in images[1:]:
        strip.elements.append(image.name)
    scene.frame_start, scene.frame_end = 1, len(images)
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
    render.ffmpeg.constant_rate_factor, render.ffmpeg.gopsize = "PERC_LOSSLESS", 12
    render.filepath, render.use_file_extension = str(path), False
    bpy.ops.render.render(animation=True)
    return path


@pytest.fixture(scope="module")
def movies(numbered, tmp_path_factory):
    folder = tmp_path_factory.mktemp("movies")
    rates = {"23.976": (24, 1.001), "25": (25, 1.0), "60": (60, 1.0)}
    return {name: encode(numbered, folder / f"{name} fps.mp4", *rate) for name, rate in rates.items()}


def sequencer():
    window = bpy.context.window_manager.windows[0]
    if hasattr(window.workspace, "sequencer_scene"):  # from 5.0 on
        window.workspace.sequencer_scene = bpy.context.scene
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    area.spaces[0].view_type = "SEQUENCER"
    region = next(region for region in area.regions if region.type == "WINDOW")
    return bpy.context.temp_override(window=window, area=area, region=region)


def add_movie(path, scene_fps, own_pace):
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    scene.render.fps = scene_fps
    scene.render.resolution_x, scene.render.resolution_y = SIZE  # before adding: the strip is scaled to fit
    with sequencer():
        bpy.ops.sequencer.movie_strip_add(
            filepath=str(path),
            frame_start=10,
            channel=1,
            adjust_playback_rate=own_pace,
            use_framerate=False,
            sound=False,
            **({"move_strips": False} if bpy.app.version >= (5, 0, 0) else {}),  # needs a mouse
        )
        strip = scene.sequence_editor.active_strip
    return scene, strip


def rendered_number(scene, frame, folder):
    render = scene.render
    render.resolution_x, render.resolution_y = SIZE
    render.image_settings.file_format = "PNG"
    render.filepath = str(folder / "shown.png")
    scene.view_settings.view_transform = "Standard"
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(render.filepath)
    row = np.array(image.pixels[:]).reshape(SIZE[1], SIZE[0], 4)[SIZE[1] // 2, :, 0]
    bpy.data.images.remove(image)
    return sum(int(row[bit * 12 + 6] > 0.5) << bit for bit in range(BITS))


def check(scene, strip, folder):
    source = read_strip(strip, scene)
    start, stop = strip.frame_final_start, strip.frame_final_end
    assert source.first_scene_frame == start
    assert len(source.shown) == stop - start
    middle = (start + stop) // 2
    for frame in (start, start + 1, start + 2, middle, middle + 1, stop - 2, stop - 1):
        assert source.shown[frame - start] == rendered_number(scene, frame, folder), f"scene frame {frame}"


@pytest.mark.parametrize("own_pace", [True, False])
@pytest.mark.parametrize("scene_fps", [24, 30])
@pytest.mark.parametrize("movie", ["23.976", "25", "60"])
def test_plain_strips(movies, tmp_path, movie, scene_fps, own_pace):
    scene, strip = add_movie(movies[movie], scene_fps, own_pace)
    check(scene, strip, tmp_path)


@pytest.mark.parametrize("own_pace", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_trimmed_offset_and_reversed_strips(movies, tmp_path, reverse, own_pace):
    scene, strip = add_movie(movies["60"], 24, own_pace)
    strip.use_reverse_frames = reverse
    strip.animation_offset_start = 7
    strip.frame_final_start += 5
    strip.frame_final_end -= 3
    check(scene, strip, tmp_path)


@pytest.mark.parametrize("own_pace", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_retimed_strips(movies, tmp_path, reverse, own_pace):
    scene, strip = add_movie(movies["25"], 24, own_pace)
    strip.use_reverse_frames = reverse
    with sequencer():
        scene.sequence_editor.active_strip = strip
        strip.select = True
        bpy.ops.sequencer.retiming_key_add(timeline_frame=25)
        bpy.ops.sequencer.retiming_segment_speed_set(speed=200)
    assert len(strip.retiming_keys) >= 2  # 5.2 changes the speed of the whole strip where it has no rate of its own
    check(scene, strip, tmp_path)


def test_a_freeze_frame(movies, tmp_path):
    scene, strip = add_movie(movies["25"], 25, False)
    with sequencer():
        scene.sequence_editor.active_strip = strip
        strip.select = True
        scene.frame_set(30)
        bpy.ops.sequencer.retiming_key_add(timeline_frame=30)
        bpy.ops.sequencer.retiming_freeze_frame_add(duration=6)
    assert len(strip.retiming_keys) >= 4
    check(scene, strip, tmp_path)


def test_an_image_sequence_strip(numbered, tmp_path):
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_image("images", str(numbered[0]), 1, 10)
    for image in numbered[1:40]:
        strip.elements.append(image.name)
    strip.frame_final_end = 45
    strip.frame_final_start = 14
    check(scene, strip, tmp_path)
