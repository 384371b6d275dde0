"""How much faster a motion becomes keys than by `keyframe_insert`, in one run: `python tests/benchmarks/bench_keys.py`.

Needs bpy (`.venv-bpy45`). Processor time, so that other programs count little. Both write the root's location and the 55 bones' quaternions. `keyframe_insert` is timed
over fewer frames, at the start of the clip, where it is at its fastest, and extrapolated in proportion.
"""

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
import_module("tests.conftest")  # makes the checkout importable as the package that Blender installs

from recover_motion.addon.compat import assign_action  # noqa: E402
from recover_motion.addon.core.keys import Curve, curve  # noqa: E402
from recover_motion.addon.core.timing import KeyTimes  # noqa: E402
from recover_motion.addon.result.actions import write_action  # noqa: E402
from recover_motion.inference_backend.protocol.skeleton import JOINTS  # noqa: E402


def new_armature() -> bpy.types.Object:
    """An armature with the 55 bones and a root, without animation."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    obj = bpy.data.objects.new("bench", bpy.data.armatures.new("bench"))
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    for name in ("root", *JOINTS):
        obj.data.edit_bones.new(name).tail = (0.0, 0.0, 1.0)
    bpy.ops.object.mode_set(mode="OBJECT")
    return obj


def in_bulk(obj: bpy.types.Object, locations: np.ndarray, rotations: np.ndarray) -> None:
    """Our way: locations `[T,3]`, rotations `[T,55,4]`."""
    count = len(locations)
    times = KeyTimes(np.arange(1.0, count + 1), np.arange(count), np.zeros(count, dtype=bool))
    curves: list[Curve] = [curve('pose.bones["root"].location', i, "root", times, locations[:, i]) for i in range(3)]
    for joint, name in enumerate(JOINTS):
        path = f'pose.bones["{name}"].rotation_quaternion'
        curves += [curve(path, i, name, times, rotations[:, joint, i]) for i in range(4)]
    assign_action(obj, write_action("bench", "OBJECT", curves))


def one_by_one(obj: bpy.types.Object, locations: np.ndarray, rotations: np.ndarray) -> None:
    """Blender's own way, frame by frame."""
    bones = [obj.pose.bones[name] for name in JOINTS]
    root = obj.pose.bones["root"]
    for frame in range(len(locations)):
        root.location = locations[frame]
        root.keyframe_insert("location", frame=frame + 1, group="root")
        for joint, bone in enumerate(bones):
            bone.rotation_quaternion = rotations[frame, joint]
            bone.keyframe_insert("rotation_quaternion", frame=frame + 1, group=bone.name)


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=9000)
    parser.add_argument("--inserted", type=int, default=300, help="frames that keyframe_insert is timed over")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    rotations = rng.normal(size=(options.frames, 55, 4))
    rotations /= np.linalg.norm(rotations, axis=-1, keepdims=True)
    locations = rng.normal(size=(options.frames, 3))

    bulk = []
    for _ in range(3):
        obj = new_armature()
        start = time.process_time()
        in_bulk(obj, locations, rotations)
        bulk.append(time.process_time() - start)
    obj = new_armature()
    start = time.process_time()
    one_by_one(obj, locations[: options.inserted], rotations[: options.inserted])
    inserted = (time.process_time() - start) * options.frames / options.inserted
    figures = {
        "blender": bpy.app.version_string,
        "frames": options.frames,
        "bulk_s": round(float(np.median(bulk)), 3),
        "keyframe_insert_s": round(inserted, 1),
        "ratio": round(inserted / float(np.median(bulk))),
        "ratio_wanted": 100,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
