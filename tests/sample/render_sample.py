"""Render the sample clip: `.venv-bpy45/bin/python tests/sample/render_sample.py --work FOLDER`.

Writes `sample.mp4` and its exact `reference.npz` next to this script. It can be stopped and started again: finished
frames in FOLDER are kept. The camera stands still, so the empty room is rendered once and each frame adds only the part
of the picture around the person.
"""

import argparse
import sys
from pathlib import Path

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from mathutils.bvhtree import BVHTree

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import room  # noqa: E402
from dressing import Part, dress  # noqa: E402
from figure import Array, Figure, rotvecs  # noqa: E402
from placing import Placed, place  # noqa: E402

BODY = HERE.parents[1] / "inference_backend" / "body" / "SMPLX_OPEN.npz"
BETAS = np.array([0.4, -0.8, 0.6, -0.4, 0.5, 0.3, -0.5, 0.2, 0.3, -0.2])
YAW, CENTRE_XZ = np.radians(131.0), (0.1, 0.05)
FPS = 30
MARGIN, FEATHER = 32, 16  # pixels around the person, and how many of them blend into the empty room


def main() -> None:
    """Place, dress, render, compose, encode and write the reference."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, required=True, help="folder for finished frames")
    options.add_argument("--samples", type=int, default=6, help="Cycles samples a pixel")
    options.add_argument("--only", type=int, nargs="*", help="render these frames and stop")
    options.add_argument("--reference", action="store_true", help="write the reference and stop")
    chosen = options.parse_args()

    figure = Figure.load(BODY, BETAS)
    work = chosen.work / figure.sha256[:12]  # frames of another body are never mixed in
    work.mkdir(parents=True, exist_ok=True)
    with np.load(HERE / "motion.npz", allow_pickle=False) as motion:
        placed = place(figure, motion["rotvec"], motion["hips"], float(motion["leg_m"]), YAW, CENTRE_XZ)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    hides = room.build()
    reference = make_reference(figure, placed, hides)
    check_camera(reference)
    if chosen.reference:
        np.savez_compressed(HERE / "reference.npz", **reference)
        return

    people = [(part, _object(part)) for part in dress(figure)]
    _engine(chosen.samples)
    background = work / "background.png"
    if not background.exists():
        for _, made in people:
            made.hide_render = True
        _engine(48)
        _render(background, None)
        _engine(chosen.samples)
        for _, made in people:
            made.hide_render = False
    rotation, position = figure.kinematics(placed.local, placed.transl)
    wanted = range(len(rotation)) if chosen.only is None else chosen.only
    for frame in wanted:
        if not list(work.glob(f"frame_{frame:04d}_*.png")):
            box = _pose(figure, people, rotation[frame], position[frame])
            name = "_".join(map(str, box))
            _render(work / f"frame_{frame:04d}_{name}.png", box)
    for frame in wanted:
        _compose(work, frame)
    if chosen.only is None:
        np.savez_compressed(HERE / "reference.npz", **reference)
        _encode(work, len(rotation), HERE / "sample.mp4")


def make_reference(figure: Figure, placed: Placed, hides: list[bpy.types.Object]) -> dict[str, Array]:
    """The exact truth for each frame; keys, shapes and units are listed in this folder's README."""
    count = len(placed.local)
    _, position = figure.kinematics(placed.local, placed.transl)
    joints = position[:, :22]
    R, p = room.extrinsics()
    K = room.intrinsics()
    in_camera = (joints - p) @ R
    pixels = in_camera @ K.T
    pose = rotvecs(placed.local)
    return {
        "time_s": np.arange(count) / FPS,
        "fps": np.float64(FPS),
        "size_wh": np.array(room.SIZE),
        "K": K,
        "dist": np.zeros(5),
        "R_cam_to_world": R,
        "cam_pos_world": p,
        "betas": BETAS,
        "global_orient": pose[:, 0],
        "body_pose": pose[:, 1:22],
        "left_hand_pose": pose[0, 25:40],
        "right_hand_pose": pose[0, 40:55],
        "transl": placed.transl,
        "joints_world": joints,
        "joints_camera": in_camera,
        "joints_2d": pixels[..., :2] / pixels[..., 2:],
        "visible": _visible(joints, p, hides),
        "contact": placed.contact,
        "body_sha256": np.array(figure.sha256),
    }


def check_camera(reference: dict[str, Array]) -> None:
    """Blender's own camera must see the joints where the reference says, within 0.01 pixel."""
    scene = bpy.context.scene
    bpy.context.view_layer.update()
    width, height = room.SIZE
    seen = []
    for point in room.to_blender(reference["joints_world"][::20]).reshape(-1, 3):
        view = world_to_camera_view(scene, scene.camera, Vector(point))
        seen.append((view.x * width, (1 - view.y) * height))
    error = np.abs(np.array(seen) - reference["joints_2d"][::20].reshape(-1, 2)).max()
    if error > 0.01:
        raise SystemExit(f"The camera of the reference is {error:.4f} pixels off Blender's.")
    print(f"camera: reference and Blender agree to {error:.5f} pixels")


def _visible(joints: Array, eye: Array, hides: list[bpy.types.Object]) -> Array:
    """`[T,22]` False where furniture stands between the camera and the joint."""
    graph = bpy.context.evaluated_depsgraph_get()
    trees = []
    for item in hides:
        evaluated = item.evaluated_get(graph)
        shape = evaluated.to_mesh()
        shape.transform(item.matrix_world)
        trees.append(BVHTree.FromPolygons([v.co for v in shape.vertices], [tuple(f.vertices) for f in shape.polygons]))
    origin = Vector(room.to_blender(eye))
    visible = np.ones(joints.shape[:2], bool)
    for index in np.ndindex(visible.shape):
        way = Vector(room.to_blender(joints[index])) - origin
        visible[index] = all(tree.ray_cast(origin, way.normalized(), way.length)[0] is None for tree in trees)
    return visible


def _object(part: Part) -> bpy.types.Object:
    surface = room.material(part.name, (1, 1, 1), part.roughness)
    nodes = surface.node_tree.nodes
    paint = nodes.new("ShaderNodeVertexColor")
    paint.layer_name = "paint"
    surface.node_tree.links.new(paint.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    faces = [tuple(dict.fromkeys(face)) for face in part.faces.tolist()]
    made = room.mesh(part.name, room.to_blender(part.vertices), faces, surface, smooth=True)
    layer = made.data.attributes.new("paint", "FLOAT_COLOR", "POINT")
    layer.data.foreach_set("color", np.column_stack([part.colour, np.ones(len(part.colour))]).ravel())
    return made


def _pose(figure: Figure, people: list, rotation: Array, position: Array) -> tuple[int, int, int, int]:
    """Move the person; returns the box around them in pixels: x0, y0, x1, y1."""
    R, p = room.extrinsics()
    K = room.intrinsics()
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for part, made in people:
        world = figure.skin(part.vertices, part.weights, rotation, position)
        made.data.vertices.foreach_set("co", room.to_blender(world).ravel())
        made.data.update()
        pixels = ((world - p) @ R) @ K.T
        pixels = pixels[:, :2] / pixels[:, 2:]
        low, high = np.minimum(low, pixels.min(0)), np.maximum(high, pixels.max(0))
    x0, y0 = np.clip(np.floor(low) - MARGIN, 0, None).astype(int)
    x1, y1 = np.clip(np.ceil(high) + MARGIN, None, room.SIZE).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def _engine(samples: int) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.cycles.denoising_quality, scene.cycles.denoising_prefilter = "FAST", "FAST"
    scene.cycles.max_bounces = 2
    scene.cycles.use_light_tree = False
    scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
    scene.render.use_persistent_data = True
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.exposure = -0.15
    scene.view_settings.look = "AgX - Medium High Contrast"


def _render(path: Path, box: tuple[int, int, int, int] | None) -> None:
    """Render the whole picture, or a box of it, to a PNG that appears only when it is finished."""
    scene = bpy.context.scene
    scene.render.use_border = scene.render.use_crop_to_border = box is not None
    if box is not None:
        width, height = room.SIZE
        off = 0.005  # pixels, so that rounding down cannot move the border
        scene.render.border_min_x, scene.render.border_max_x = (box[0] + off) / width, (box[2] + off) / width
        scene.render.border_min_y, scene.render.border_max_y = 1 - (box[3] - off) / height, 1 - (box[1] - off) / height
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    part = path.with_name(f"part_{path.name}")
    scene.render.filepath = str(part)
    bpy.ops.render.render(write_still=True)
    part.rename(path)


def _read(path: Path) -> Array:
    """An image as display values `[H,W,3]`, first row at the top."""
    image = bpy.data.images.load(str(path))
    width, height = image.size
    values = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(values)
    bpy.data.images.remove(image)
    return values.reshape(height, width, 4)[::-1, :, :3].astype(np.float64)


def _compose(work: Path, frame: int) -> None:
    """Lay the person's part of a frame over the empty room; its rim blends in."""
    out = work / f"full_{frame:04d}.png"
    if out.exists():
        return
    source = next(iter(work.glob(f"frame_{frame:04d}_*.png")))
    x0, y0, x1, y1 = (int(n) for n in source.stem.split("_")[2:])
    picture, part = _read(work / "background.png"), _read(source)
    if part.shape[:2] != (y1 - y0, x1 - x0):
        raise SystemExit(f"{source.name} holds {part.shape[1]} x {part.shape[0]} pixels.")
    width, height = room.SIZE
    across, down = np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5

    def fade(at: Array, start: int, end: int, limit: int) -> Array:
        inner_left = np.ones_like(at) if start == 0 else (at - start) / FEATHER
        inner_right = np.ones_like(at) if end == limit else (end - at) / FEATHER
        return np.clip(np.minimum(inner_left, inner_right), 0, 1)

    weight = (fade(down, y0, y1, height)[:, None] * fade(across, x0, x1, width)[None])[..., None]
    picture[y0:y1, x0:x1] = picture[y0:y1, x0:x1] * (1 - weight) + part * weight
    image = bpy.data.images.new("full", width, height)
    image.pixels.foreach_set(
        np.concatenate([picture[::-1], np.ones((height, width, 1))], -1).astype(np.float32).ravel()
    )
    image.file_format = "PNG"
    image.save(filepath=str(out))
    bpy.data.images.remove(image)


def _encode(work: Path, count: int, out: Path) -> None:
    """H.264 in MP4 at constant quality, through a scene that does no colour management of its own."""
    scene = bpy.data.scenes.new("film")
    scene.view_settings.view_transform = "Raw"
    scene.sequencer_colorspace_settings.name = "sRGB"
    scene.display_settings.display_device = "sRGB"
    strips = scene.sequence_editor_create().strips
    strip = strips.new_image("frames", str(work / "full_0000.png"), 1, 1)
    for frame in range(1, count):
        strip.elements.append(f"full_{frame:04d}.png")
    scene.frame_start, scene.frame_end = 1, count
    strip.frame_final_duration = count
    render = scene.render
    render.fps, render.fps_base = FPS, 1.0
    render.resolution_x, render.resolution_y = room.SIZE
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
    render.ffmpeg.constant_rate_factor, render.ffmpeg.ffmpeg_preset = "PERC_LOSSLESS", "BEST"
    render.ffmpeg.audio_codec = "NONE"
    render.ffmpeg.gopsize = 60
    render.use_file_extension = False
    render.filepath = str(out)
    with bpy.context.temp_override(scene=scene):
        bpy.ops.render.render(animation=True, scene=scene.name)


if __name__ == "__main__":
    main()
