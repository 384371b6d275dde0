"""The room that the sample is filmed in, built in Blender: x right, y away from the camera, z up, metres.

World coordinates of the product (y up) map to Blender's as (x, y, z) -> (x, -z, y).
"""

from collections.abc import Iterable
from math import cos, pi, radians, sin, tan

import bpy
import numpy as np
from mathutils import Matrix, Vector

SIZE = (1280, 720)
FOV = radians(60.0)  # horizontal, as a phone films
CAMERA_AT, CAMERA_LOOKS_AT = (0.1, -4.4, 1.45), (0.1, -0.05, 0.82)
CABINET = {"x": (-0.16, 0.36), "y": (-1.30, -0.93), "height": 0.84}


def material(name: str, colour: tuple, roughness: float = 0.7, emission: float = 0.0) -> bpy.types.Material:
    """A plain surface; colour is linear RGB."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    surface = made.node_tree.nodes["Principled BSDF"]
    surface.inputs["Base Color"].default_value = (*colour, 1)
    surface.inputs["Roughness"].default_value = roughness
    if emission:
        surface.inputs["Emission Color"].default_value = (*colour, 1)
        surface.inputs["Emission Strength"].default_value = emission
    return made


def planks(name: str, light: tuple, dark: tuple, length: float, width: float) -> bpy.types.Material:
    """Wood: planks of two tones with a fine grain."""
    made = material(name, light, 0.45)
    nodes, links = made.node_tree.nodes, made.node_tree.links
    where = nodes.new("ShaderNodeTexCoord")
    bricks = nodes.new("ShaderNodeTexBrick")
    for key, value in {"Scale": 1.0, "Mortar Size": 0.002, "Brick Width": length, "Row Height": width}.items():
        bricks.inputs[key].default_value = value
    bricks.inputs["Color1"].default_value = (*light, 1)
    bricks.inputs["Color2"].default_value = (*dark, 1)
    bricks.inputs["Mortar"].default_value = (*(0.35 * c for c in dark), 1)
    stretch = nodes.new("ShaderNodeMapping")
    stretch.inputs["Scale"].default_value = (2.0, 30.0, 30.0)
    noise = nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 1.5
    mix = nodes.new("ShaderNodeMix")
    mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
    mix.inputs["Factor"].default_value = 0.45
    links.new(where.outputs["Object"], bricks.inputs["Vector"])
    links.new(where.outputs["Object"], stretch.inputs["Vector"])
    links.new(stretch.outputs["Vector"], noise.inputs["Vector"])
    links.new(bricks.outputs["Color"], mix.inputs["A"])
    links.new(noise.outputs["Fac"], mix.inputs["B"])
    links.new(mix.outputs["Result"], nodes["Principled BSDF"].inputs["Base Color"])
    return made


def mesh(
    name: str, vertices: Iterable, faces: Iterable, surface: bpy.types.Material, smooth: bool = False
) -> bpy.types.Object:
    """An object from plain lists of vertices and faces."""
    data = bpy.data.meshes.new(name)
    data.from_pydata([tuple(v) for v in vertices], [], [tuple(f) for f in faces])
    data.materials.append(surface)
    if smooth:
        data.shade_smooth()
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    return made


def box(name: str, low: tuple, high: tuple, surface: bpy.types.Material, bevel: float = 0.006) -> bpy.types.Object:
    """An upright box between two corners, its edges rounded."""
    corners = [(x, y, z) for z in (low[2], high[2]) for y in (low[1], high[1]) for x in (low[0], high[0])]
    sides = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (1, 3, 7, 5), (3, 2, 6, 7), (2, 0, 4, 6)]
    made = mesh(name, corners, sides, surface)
    if bevel:
        edge = made.modifiers.new("bevel", "BEVEL")
        edge.width, edge.segments = bevel, 3
    return made


def cylinder(name: str, centre: tuple, radii: tuple, height: float, surface: bpy.types.Material) -> bpy.types.Object:
    """A round solid standing on `centre`, with a bottom and a top radius."""
    turns = [2 * pi * k / 40 for k in range(40)]
    points = [
        (centre[0] + r * cos(a), centre[1] + r * sin(a), z)
        for r, z in zip(radii, (centre[2], centre[2] + height), strict=True)
        for a in turns
    ]
    sides = [(k, (k + 1) % 40, 40 + (k + 1) % 40, 40 + k) for k in range(40)]
    return mesh(name, points, [*sides, tuple(range(39, -1, -1)), tuple(range(40, 80))], surface, smooth=False)


def build() -> list[bpy.types.Object]:
    """Fill an empty scene with room, furniture, lights and camera; returns what can hide a person."""
    scene = bpy.context.scene
    wall, trim = material("wall", (0.62, 0.58, 0.52), 0.9), material("trim", (0.8, 0.79, 0.76), 0.6)
    oak = planks("oak", (0.36, 0.22, 0.12), (0.27, 0.155, 0.08), 1.4, 0.14)
    box("floor", (-3.4, -5.5, -0.1), (3.4, 2.5, 0.0), oak, 0)
    box("back wall", (-3.4, 2.5, 0), (3.4, 2.6, 2.7), wall, 0)
    box("right wall", (3.4, -5.5, 0), (3.5, 2.6, 2.7), material("side wall", (0.50, 0.53, 0.50), 0.9), 0)
    for name, low, high in (
        ("below window", (-3.5, -5.5, 0), (-3.4, 2.6, 0.85)),
        ("above window", (-3.5, -5.5, 2.25), (-3.4, 2.6, 2.7)),
        ("behind window", (-3.5, 1.5, 0.85), (-3.4, 2.6, 2.25)),
        ("before window", (-3.5, -5.5, 0.85), (-3.4, -0.6, 2.25)),
    ):
        box(name, low, high, wall, 0)
    for y in (-0.6, 0.43, 1.46):
        box("window post", (-3.46, y, 0.85), (-3.40, y + 0.05, 2.25), trim, 0)
    box("window sill", (-3.45, -0.65, 0.81), (-3.28, 1.55, 0.85), trim)
    box("skirting", (-3.4, 2.48, 0), (3.4, 2.5, 0.09), trim, 0)
    woven = planks("rug", (0.42, 0.36, 0.30), (0.34, 0.27, 0.24), 0.5, 0.05)
    box("rug", (-1.5, -1.0, 0.0), (1.5, 1.15, 0.002), woven, 0)

    hides = [*_cabinet(), *_sofa(), *_shelf(), *_corner()]
    _pictures(trim)
    _light(scene)
    _camera(scene)
    return hides


def _cabinet() -> list[bpy.types.Object]:
    (x0, x1), (y0, y1), top = CABINET["x"], CABINET["y"], CABINET["height"]
    wood = planks("walnut", (0.20, 0.105, 0.055), (0.17, 0.085, 0.045), 3.0, 3.0)
    front = material("drawer", (0.55, 0.52, 0.46), 0.5)
    middle = (x0 + x1) / 2
    made = [box("cabinet", (x0, y0, 0.10), (x1, y1, top), wood)]
    for k in range(3):
        z = 0.13 + k * (top - 0.15) / 3
        made.append(box("drawer", (x0 + 0.02, y0 - 0.015, z), (x1 - 0.02, y0, z + (top - 0.15) / 3 - 0.015), front))
        made.append(
            box("handle", (middle - 0.06, y0 - 0.03, z + 0.11), (middle + 0.06, y0 - 0.015, z + 0.125), wood, 0)
        )
    for x in (x0 + 0.02, x1 - 0.06):
        for y in (y0 + 0.02, y1 - 0.06):
            made.append(box("foot", (x, y, 0), (x + 0.04, y + 0.04, 0.10), wood, 0))
    red, blue = material("book red", (0.36, 0.06, 0.05)), material("book blue", (0.05, 0.12, 0.28))
    made.append(box("book", (x0 + 0.06, y0 + 0.08, top), (x0 + 0.26, y0 + 0.24, top + 0.03), red))
    made.append(box("book", (x0 + 0.08, y0 + 0.09, top + 0.03), (x0 + 0.25, y0 + 0.23, top + 0.055), blue))
    return made


def _sofa() -> list[bpy.types.Object]:
    cloth, cushion = material("sofa", (0.30, 0.31, 0.33), 0.95), material("cushion", (0.55, 0.30, 0.10), 0.95)
    made = [
        box("sofa base", (-1.5, 1.45, 0.08), (0.6, 2.35, 0.40), cloth, 0.04),
        box("sofa back", (-1.5, 2.10, 0.40), (0.6, 2.38, 0.86), cloth, 0.07),
        box("sofa arm", (-1.70, 1.45, 0.08), (-1.5, 2.38, 0.62), cloth, 0.05),
        box("sofa arm", (0.6, 1.45, 0.08), (0.8, 2.38, 0.62), cloth, 0.05),
        box("sofa seat", (-1.48, 1.43, 0.40), (-0.46, 2.12, 0.52), cloth, 0.05),
        box("sofa seat", (-0.44, 1.43, 0.40), (0.58, 2.12, 0.52), cloth, 0.05),
    ]
    for x, lean in ((-1.2, 0.25), (0.25, -0.2)):
        soft = box("cushion", (-0.22, -0.07, -0.20), (0.22, 0.07, 0.20), cushion, 0.06)
        soft.location, soft.rotation_euler = (x, 2.0, 0.72), (-0.3, 0, lean)
        made.append(soft)
    return made


def _shelf() -> list[bpy.types.Object]:
    wood = material("shelf", (0.62, 0.58, 0.50), 0.6)
    made = [box("shelf side", (x, 2.12, 0), (x + 0.03, 2.48, 1.9), wood, 0) for x in (1.55, 2.75)]
    made.append(box("shelf back", (1.55, 2.46, 0), (2.78, 2.48, 1.9), wood, 0))
    chance = np.random.default_rng(3)
    tones = [material(f"spine {k}", tuple(0.06 + 0.45 * c)) for k, c in enumerate(chance.uniform(0.0, 0.6, (7, 3)))]
    for level in range(6):
        z = level * 0.374
        made.append(box("shelf board", (1.58, 2.12, z), (2.75, 2.46, z + 0.03), wood, 0))
        x = 1.60
        while level < 5 and x < 2.3 + 0.3 * chance.random():
            width, height = chance.uniform(0.02, 0.05), chance.uniform(0.2, 0.3)
            high = (x + width, 2.42, z + 0.03 + height)
            made.append(box("book", (x, 2.2, z + 0.03), high, tones[chance.integers(7)], 0.002))
            x += width + 0.002
    return made


def _corner() -> list[bpy.types.Object]:
    """A plant, and a small round table with a lamp."""
    pot, leaf = material("pot", (0.42, 0.20, 0.12), 0.8), material("leaf", (0.06, 0.17, 0.05), 0.5)
    made = [cylinder("pot", (-2.55, 1.7, 0), (0.16, 0.21), 0.36, pot)]
    chance = np.random.default_rng(5)
    for _ in range(34):
        turn, reach, rise = chance.uniform(0, 2 * pi), chance.uniform(0.25, 0.55), chance.uniform(0.5, 1.0)
        outward, across = np.array([cos(turn), sin(turn)]), np.array([-sin(turn), cos(turn)])
        points = []
        for k in range(7):
            t = k / 6
            centre = np.array([-2.55, 1.7]) + outward * reach * t
            z = 0.36 + rise * (t * 1.6 - t * t * 0.9)
            width = 0.07 * sin(pi * min(t * 0.9 + 0.1, 1)) + 0.002
            points += [(*(centre - across * width), z), (*(centre + across * width), z)]
        strip = [(2 * k, 2 * k + 1, 2 * k + 3, 2 * k + 2) for k in range(6)]
        made.append(mesh("leaf", points, strip, leaf, smooth=True))
    wood, shade = material("table", (0.25, 0.14, 0.08), 0.4), material("shade", (0.9, 0.72, 0.5), 0.9, emission=1.2)
    made += [
        cylinder("table top", (1.15, 1.95, 0.50), (0.24, 0.24), 0.03, wood),
        cylinder("table leg", (1.15, 1.95, 0.0), (0.03, 0.03), 0.5, wood),
        cylinder("lamp stem", (1.15, 1.95, 0.53), (0.05, 0.015), 0.25, material("brass", (0.5, 0.35, 0.12), 0.3)),
        cylinder("lamp shade", (1.15, 1.95, 0.76), (0.15, 0.10), 0.2, shade),
    ]
    return made


def _pictures(trim: bpy.types.Material) -> None:
    dark = material("frame", (0.07, 0.05, 0.04), 0.4)
    blue, orange = (0.16, 0.28, 0.36), (0.45, 0.24, 0.12)
    for x, z, w, h, colour in ((-1.0, 1.62, 0.62, 0.44, blue), (0.05, 1.66, 0.40, 0.52, orange)):
        box("frame", (x - w / 2, 2.47, z - h / 2), (x + w / 2, 2.5, z + h / 2), dark)
        box("mount", (x - w / 2 + 0.03, 2.465, z - h / 2 + 0.03), (x + w / 2 - 0.03, 2.47, z + h / 2 - 0.03), trim, 0)
        box("print", (x - w / 3, 2.46, z - h / 3.2), (x + w / 3, 2.465, z + h / 3.2), material("print", colour), 0)


def _light(scene: bpy.types.Scene) -> None:
    sky = bpy.data.worlds.new("sky")
    sky.use_nodes = True
    sky.node_tree.nodes["Background"].inputs["Color"].default_value = (0.80, 0.88, 1.0, 1)
    sky.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.55
    scene.world = sky
    for name, at, towards, energy, size, colour in (
        ("window light", (-3.3, 0.45, 1.6), (0.5, -0.3, 0.6), 150.0, 2.0, (1.0, 0.96, 0.90)),
        ("ceiling light", (0.2, -1.2, 2.9), (0.2, -0.2, 0.0), 80.0, 2.5, (1.0, 0.93, 0.84)),
    ):
        lamp = bpy.data.lights.new(name, "AREA")
        lamp.energy, lamp.size, lamp.color = energy, size, colour
        holder = bpy.data.objects.new(name, lamp)
        holder.location = at
        holder.rotation_euler = (Vector(towards) - Vector(at)).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(holder)


def _camera(scene: bpy.types.Scene) -> None:
    lens = bpy.data.cameras.new("camera")
    lens.sensor_width = 36.0
    lens.lens = 18.0 / tan(FOV / 2)
    eye = bpy.data.objects.new("camera", lens)
    forward = (Vector(CAMERA_LOOKS_AT) - Vector(CAMERA_AT)).normalized()
    right = forward.cross(Vector((0, 0, 1))).normalized()
    axes = Matrix((right, right.cross(forward), -forward)).transposed()  # Blender's camera looks along its -z
    eye.matrix_world = Matrix.Translation(CAMERA_AT) @ axes.to_4x4()
    scene.collection.objects.link(eye)
    scene.camera = eye
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100


def to_blender(points: np.ndarray) -> np.ndarray:
    """World `[...,3]` (y up) to Blender's axes (z up)."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)


def intrinsics() -> np.ndarray:
    """Pinhole matrix `[3,3]` in pixels; the image's upper left corner is (0, 0), so its centre is (640, 360)."""
    focal = SIZE[0] / 2 / tan(FOV / 2)
    return np.array([[focal, 0, SIZE[0] / 2], [0, focal, SIZE[1] / 2], [0, 0, 1.0]])


def extrinsics() -> tuple[np.ndarray, np.ndarray]:
    """R `[3,3]` and p `[3]` with x_world = R x_cam + p; world y up, camera in OpenCV axes."""
    forward = np.subtract(CAMERA_LOOKS_AT, CAMERA_AT)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    columns = np.stack([right, down, forward], 1)
    from_blender = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    return from_blender @ columns, from_blender @ np.array(CAMERA_AT)
