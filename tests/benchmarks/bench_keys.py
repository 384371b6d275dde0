"""How much faster a motion becomes keys than by `keyframe_insert`, in one run: `python tests/benchmarks/bench_keys.py`.

Needs bpy (`.venv-bpy45`). Both write the root's location and the 55 bones' quaternions. `keyframe_insert` copies the
whole curve for each key, so it slows down with the clip: it is timed over some frames at the start, in the middle and
at the end of the clip, and integrated by Simpson's rule. Processor time, so that other programs count little.
"""

import argparse
import json
import sys
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

from tests.benchmarks.processor_time import seconds  # noqa: E402


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


def one_by_one(obj: bpy.types.Object, locations: np.ndarray, rotations: np.ndarray, first: int) -> None:
    """Blender's own way, frame by frame, from index `first` on."""
    bones = [obj.pose.bones[name] for name in JOINTS]
    root = obj.pose.bones["root"]
    for frame in range(first, len(locations)):
        root.location = locations[frame]
        root.keyframe_insert("location", frame=frame + 1, group="root")
        for joint, bone in enumerate(bones):
            bone.rotation_quaternion = rotations[frame, joint]
            bone.keyframe_insert("rotation_quaternion", frame=frame + 1, group=bone.name)


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=9000)
    parser.add_argument("--inserted", type=int, default=100, help="frames to time keyframe_insert over, three times")
    options = parser.parse_args()
    count, few = options.frames, options.inserted
    rng = np.random.default_rng(0)
    rotations = rng.normal(size=(count, 55, 4))
    rotations /= np.linalg.norm(rotations, axis=-1, keepdims=True)
    locations = rng.normal(size=(count, 3))

    bulk = float(np.median([seconds(in_bulk, new_armature(), locations, rotations) for _ in range(3)]))
    rates = []
    for before in (0, (count - few) // 2, count - few):
        obj = new_armature()
        if before:
            in_bulk(obj, locations[:before], rotations[:before])
        end = before + few
        rates.append(seconds(one_by_one, obj, locations[:end], rotations[:end], before) / few)
    inserted = (rates[0] + 4 * rates[1] + rates[2]) / 6 * count
    figures = {
        "blender": bpy.app.version_string,
        "frames": count,
        "bulk_s": round(bulk, 3),
        "keyframe_insert_s": round(inserted, 1),
        "keyframe_insert_ms_a_frame": [round(1000 * rate, 2) for rate in rates],
        "ratio": round(inserted / bulk),
        "ratio_wanted": 100,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
