"""Movies whose pictures spell their number, and the number that Blender shows at a scene frame."""

import bpy
import numpy as np

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
