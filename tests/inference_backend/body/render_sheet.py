"""Draws docs/images/body_poses.png and body_shapes.png.

    .venv-backend/bin/python tests/inference_backend/body/render_sheet.py --blender .venv-bpy45/bin/python

Bodies are posed here with torch; the same file, started by Blender's Python with `--draw`, renders them with Cycles.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "docs" / "images"
# Rotations about x, y, z in degrees, applied in that order, for each joint that turns.
POSES: dict[str, dict[str, tuple[float, float, float]]] = {
    "zero pose": {},
    "arms down": {"left_shoulder": (0, 0, -75), "right_shoulder": (0, 0, 75)},
    "elbows bent": {"left_elbow": (0, -120, 0), "right_elbow": (0, 120, 0)},
    "arms raised": {
        "left_collar": (0, 0, 25),
        "right_collar": (0, 0, -25),
        "left_shoulder": (0, 0, 60),
        "right_shoulder": (0, 0, -60),
    },
    "arms forward": {"left_shoulder": (0, -80, 0), "right_shoulder": (0, 80, 0)},
    "hands on hips": {
        "left_shoulder": (0, 20, -50),
        "right_shoulder": (0, -20, 50),
        "left_elbow": (0, -100, -20),
        "right_elbow": (0, 100, 20),
    },
    "arms crossed": {
        "left_shoulder": (0, -50, -60),
        "right_shoulder": (0, 50, 60),
        "left_elbow": (0, -110, 0),
        "right_elbow": (0, 110, 0),
    },
    "forearms turned": {
        "left_shoulder": (0, 0, -40),
        "right_shoulder": (0, 0, 40),
        "left_wrist": (80, 0, 0),
        "right_wrist": (-80, 0, 0),
    },
    "wrists bent": {
        "left_shoulder": (0, -60, 0),
        "right_shoulder": (0, 60, 0),
        "left_wrist": (0, 0, 60),
        "right_wrist": (0, 0, 60),
    },
    "squat": {
        "left_hip": (-105, 0, 20),
        "right_hip": (-105, 0, -20),
        "left_knee": (120, 0, 0),
        "right_knee": (120, 0, 0),
        "left_ankle": (-25, 0, 0),
        "right_ankle": (-25, 0, 0),
        "spine1": (25, 0, 0),
        "left_shoulder": (0, -70, -10),
        "right_shoulder": (0, 70, 10),
    },
    "knee up": {"left_hip": (-100, 0, 0), "left_knee": (100, 0, 0), "right_shoulder": (0, 0, 60)},
    "stride": {
        "left_hip": (-35, 0, 0),
        "right_hip": (25, 0, 0),
        "left_knee": (15, 0, 0),
        "right_knee": (35, 0, 0),
        "left_shoulder": (30, 0, -70),
        "right_shoulder": (-30, 0, 70),
        "left_elbow": (0, -40, 0),
        "right_elbow": (0, 40, 0),
    },
    "kneeling": {
        "left_hip": (-85, 0, 0),
        "left_knee": (90, 0, 0),
        "right_knee": (95, 0, 0),
        "right_ankle": (40, 0, 0),
        "left_shoulder": (0, 0, -70),
        "right_shoulder": (0, 0, 70),
    },
    "sitting": {
        "left_hip": (-90, 25, 15),
        "right_hip": (-90, -25, -15),
        "left_knee": (125, 0, 60),
        "right_knee": (125, 0, -60),
        "left_shoulder": (0, -20, -60),
        "right_shoulder": (0, 20, 60),
    },
    "side split": {"left_hip": (0, 0, 50), "right_hip": (0, 0, -50), "left_shoulder": (0, 0, -60)},
    "bent forward": {
        "pelvis": (45, 0, 0),
        "left_hip": (-45, 0, 0),
        "right_hip": (-45, 0, 0),
        "spine1": (20, 0, 0),
        "spine2": (20, 0, 0),
        "spine3": (15, 0, 0),
        "left_shoulder": (0, -70, 0),
        "right_shoulder": (0, 70, 0),
    },
    "twisted": {
        "spine1": (0, 15, 0),
        "spine2": (0, 20, 0),
        "spine3": (0, 15, 0),
        "neck": (0, 20, 0),
        "head": (0, 20, 0),
        "left_shoulder": (0, 0, -30),
        "right_shoulder": (0, 0, 30),
    },
    "side bend": {"spine1": (0, 0, 15), "spine2": (0, 0, 15), "spine3": (0, 0, 10), "right_shoulder": (0, 0, -70)},
    "looking down": {
        "neck": (25, 0, 0),
        "head": (25, 0, 0),
        "left_shoulder": (0, 0, -75),
        "right_shoulder": (0, 0, 75),
    },
    "throwing": {
        "spine2": (0, -20, 0),
        "right_collar": (0, 0, -15),
        "right_shoulder": (-70, -20, -20),
        "right_elbow": (0, 90, 0),
        "left_shoulder": (0, -60, -20),
        "left_hip": (-30, 0, 0),
        "right_hip": (15, 0, 0),
    },
}


def posed_bodies(path: Path) -> None:
    """Write the vertices of both sheets, floor at 0, and the triangles."""
    import roma
    import torch

    sys.path.insert(0, str(ROOT))
    from inference_backend.body.body import Body
    from inference_backend.protocol.skeleton import BODY_JOINTS

    body = Body.load()
    local = torch.eye(3).repeat(len(POSES), 22, 1, 1)
    for row, pose in enumerate(POSES.values()):
        for joint, angles in pose.items():
            local[row, BODY_JOINTS.index(joint)] = roma.euler_to_rotmat("xyz", angles, degrees=True)
    posed = body(torch.zeros(10), local[:, 0], local[:, 1:], torch.zeros(3)).vertices

    betas = torch.zeros(20, 10)
    betas[:5, 0] = torch.linspace(-2, 2, 5)
    for k in range(1, 8):
        betas[4 + 2 * k - 1, k], betas[4 + 2 * k, k] = -2.0, 2.0
    still = torch.eye(3).repeat(21, 1, 1)
    still[BODY_JOINTS.index("left_shoulder") - 1] = roma.euler_to_rotmat("z", [-60.0], degrees=True)
    still[BODY_JOINTS.index("right_shoulder") - 1] = roma.euler_to_rotmat("z", [60.0], degrees=True)
    shaped = body(betas[:19], torch.eye(3), still, torch.zeros(3)).vertices
    for name, vertices in (("poses", posed), ("shapes", shaped)):
        vertices[..., 1] -= vertices[..., 1].amin(dim=1, keepdim=True)
        np.savez(path / f"{name}.npz", vertices=vertices.numpy(), faces=body.faces.numpy())


def draw(source: Path, image: Path, yaw: float) -> None:
    """Render one sheet (runs in Blender's Python)."""
    import bpy

    with np.load(source) as file:
        bodies, faces = file["vertices"], file["faces"]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    columns, width, height = (5, 1.9, 2.4) if yaw else (10, 1.15, 2.3)
    rows = -(-len(bodies) // columns)
    skin = bpy.data.materials.new("skin")
    skin.use_nodes = True
    shader = skin.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (0.55, 0.42, 0.36, 1)
    shader.inputs["Roughness"].default_value = 0.6
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    for number, vertices in enumerate(bodies):
        x, y, z = (vertices @ turn.T).T
        row, column = divmod(number, columns)
        placed = np.stack([x + column * width, -z, y - row * height], axis=1)
        mesh = bpy.data.meshes.new("body")
        mesh.from_pydata(placed.tolist(), [], faces.tolist())
        mesh.shade_smooth()
        mesh.materials.append(skin)
        scene.collection.objects.link(bpy.data.objects.new("body", mesh))
    for name, energy, angles in (("key", 3.0, (50, 0, 35)), ("fill", 1.0, (60, 0, -60))):
        light = bpy.data.lights.new(name, "SUN")
        light.energy = energy
        lamp = bpy.data.objects.new(name, light)
        lamp.rotation_euler = np.radians(angles)
        scene.collection.objects.link(lamp)
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (0.35, 0.37, 0.4, 1)
    scene.world = world
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type = "ORTHO"
    camera.data.sensor_fit = "HORIZONTAL"
    camera.data.ortho_scale = columns * width
    camera.location = ((columns - 1) * width / 2, -20, height * (1 - rows / 2) - 0.1)
    camera.rotation_euler = (np.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 16
    scene.cycles.use_denoising = True
    scene.render.resolution_x = 1200
    scene.render.resolution_y = round(1200 * rows * height / (columns * width))
    scene.render.image_settings.color_mode = "RGB"
    scene.render.filepath = str(image)
    bpy.ops.render.render(write_still=True)


def pack(image: Path) -> None:
    """Reduce a sheet to 24 greys, so that it stays small in the repository."""
    from PIL import Image

    with Image.open(image) as sheet:
        packed = sheet.convert("L").quantize(24, dither=Image.Dither.NONE)
    packed.save(image, optimize=True)


def main() -> None:
    """Pose, then start Blender's Python once for each sheet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--blender", type=Path, help="Python that has bpy")
    parser.add_argument("--draw", nargs=3, metavar=("NPZ", "PNG", "YAW"))
    parser.add_argument("--out", type=Path, default=IMAGES)
    options = parser.parse_args()
    if options.draw:
        draw(Path(options.draw[0]), Path(options.draw[1]), np.radians(float(options.draw[2])))
        return
    with tempfile.TemporaryDirectory() as folder:
        posed_bodies(Path(folder))
        for sheet, yaw in (("poses", 30), ("shapes", 0)):
            source, image = Path(folder) / f"{sheet}.npz", options.out / f"body_{sheet}.png"
            subprocess.run([options.blender, __file__, "--draw", source, image, str(yaw)], check=True)
            pack(image)


if __name__ == "__main__":
    main()
