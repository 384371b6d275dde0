"""A recovered person to export, and where it is: the judge of the files, straight from the motion's arrays."""

from dataclasses import dataclass

import bpy
import numpy as np
from recover_motion.addon.core.timing import real_time
from recover_motion.addon.export.export import ExportOptions
from recover_motion.addon.export.preset import FOLDER, load_preset
from recover_motion.addon.result.body_file import read_body
from recover_motion.addon.result.scene import BuildSettings, build_take, finish
from recover_motion.inference_backend.protocol.result_format import load_result
from recover_motion.inference_backend.protocol.skeleton import BODY_JOINTS, JOINTS

from tests.addon.synthetic_result import Clip, write_result

FIRST = 11
"""Scene frame of the first pose."""
BONES = ("root", *JOINTS)
PRESETS = sorted(path.stem for path in FOLDER.glob("*.json"))


@dataclass
class Person:
    """What was built.

    Attributes:
        armature, mesh: in Blender.
        joints: `[T,22,3]`, the body joints in Blender's world, metres.
        height: of the body at rest, metres.
        fps: of the motion and the scene.
    """

    scene: object
    armature: object
    mesh: object
    joints: np.ndarray
    height: float
    fps: float

    def joint(self, name):
        return self.joints[:, BODY_JOINTS.index(name)]


def build_people(scene, folder, body, motions, *, fps=30.0, betas=None):
    """A `Person` for each of `motions` (arrays as in the result file), from scene frame `FIRST` on."""
    render = scene.render
    render.fps, render.fps_base = round(fps), round(fps) / fps
    betas = np.zeros(10) if betas is None else betas
    count = len(motions[0]["transl"])
    people = {i: {"motion": motion, "betas": betas} for i, motion in enumerate(motions)}
    result, body_file = write_result(folder, Clip(np.arange(count) / fps, fps=fps, people=people), body)
    recovered = load_result(result)
    times = real_time(recovered.time_s, fps, FIRST)
    take = finish(build_take(scene, recovered, read_body(body_file), times, BuildSettings("walk")))
    bpy.context.view_layer.update()
    vertices, _ = body.shaped(betas)
    return [
        Person(
            scene,
            built.armature,
            built.mesh,
            person.motion.joints_world @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
            float(np.ptp(vertices[:, 1])),
            fps,
        )
        for built, person in zip(take.people, recovered.people, strict=True)
    ]


def preset_and_options(name, **changes):
    """A preset of ours, and its options with some changed."""
    preset = load_preset(FOLDER / f"{name}.json")
    return preset, ExportOptions(**(vars(ExportOptions.of(preset)) | changes))


def in_file(points, preset):
    """Points `[...,3]` of Blender's world, metres, as the numbers of a preset's file."""
    x, y, z = np.moveaxis(np.asarray(points) / preset.unit_m, -1, 0)
    return np.stack([x, z, -y] if preset.up == "Y" else [x, y, z], axis=-1)


def on_floor(points, preset):
    """The two coordinates of file points that lie on the floor, and the height."""
    return (points[..., [0, 2]], points[..., 1]) if preset.up == "Y" else (points[..., :2], points[..., 2])
