"""How much faster a clip is retargeted than baked from constraints: `python tests/benchmarks/bench_retarget.py`.

Needs bpy (`.venv-bpy45`). Both move a rig of 70 bones by a recovered armature. The other way has a Copy Rotation
constraint on each mapped bone and `nla.bake`; it is timed over some frames of the clip and taken to be proportional to
them, which favours it, as inserting keys slows down with the clip. Processor time, so that other programs count little.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
import_module("tests.conftest")  # makes the checkout importable as the package that Blender installs

from recover_motion.addon.core.retarget.bone_map import apply_preset  # noqa: E402
from recover_motion.addon.core.retarget.preset import load_preset  # noqa: E402
from recover_motion.addon.retarget.apply import RetargetSettings, retarget_to  # noqa: E402
from recover_motion.inference_backend.protocol.skeleton import JOINTS  # noqa: E402

from tests.addon.retarget.made_rigs import make_rig, make_source  # noqa: E402
from tests.addon.synthetic_result import PlainBody, random_motion  # noqa: E402
from tests.benchmarks.processor_time import seconds  # noqa: E402

BONES = 70


def new_rig(scene: bpy.types.Scene, source: bpy.types.Object) -> bpy.types.Object:
    """A rig of 70 bones in an A-pose, with five bones in its spine and twist bones at its limbs' ends."""
    rng = np.random.default_rng(1)
    split = {
        "spine3": 3,
        "neck": 2,
        **{f"{side}_{part}": 2 for side in ("left", "right") for part in ("shoulder", "hip")},
    }
    rig = make_rig(scene, source, {joint: joint for joint in JOINTS}, rng=rng, a_pose=0.7, legs=1.1, split=split)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    while len(rig.data.edit_bones) < BONES:
        bone = rig.data.edit_bones.new("other")
        bone.head, bone.tail = (0, 0, 1), (0, 0, 1.1)
        bone.parent = rig.data.edit_bones["head"]
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def bone_map_of(rig: bpy.types.Object) -> Any:
    """Which bones show what."""
    preset = load_preset(ROOT / "presets" / "rigs" / "smplx.json")
    doubled = {f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "hip")}
    chains = {part: (f"{part}_1", f"{part}_2") for part in doubled | {"neck"}}
    chains["spine"] = ("spine1", "spine2", "spine3_1", "spine3_2", "spine3_3")
    preset = replace(preset, bones={**preset.bones, **chains})
    return apply_preset(preset, [bone.name for bone in rig.data.bones])


def baked(source: bpy.types.Object, rig: bpy.types.Object, frames: int) -> None:
    """Blender's own way: constraints, then `nla.bake`."""
    for bone in rig.pose.bones:
        name = bone.name.split("_1")[0] if bone.name.endswith("_1") else bone.name
        if name in source.data.bones:
            constraint = bone.constraints.new("COPY_ROTATION")
            constraint.target, constraint.subtarget = source, name
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj is rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.nla.bake(
        frame_start=1,
        frame_end=frames,
        only_selected=False,
        visual_keying=True,
        clear_constraints=True,
        bake_types={"POSE"},
    )


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=9000)
    parser.add_argument("--baked", type=int, default=600, help="frames to time nla.bake over")
    options = parser.parse_args()
    count = options.frames
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    rng = np.random.default_rng(0)
    contact = ((np.arange(count)[:, None] // 20 + np.array([0, 0, 1, 1])) % 2).astype(bool)
    motion = random_motion(rng, count)
    source = make_source(scene, PlainBody(), rng, count, motion=motion, contact=contact)
    rig = new_rig(scene, source)
    bone_map = bone_map_of(rig)
    layer = bpy.context.view_layer
    began = time.perf_counter()
    ours = [seconds(retarget_to, source, rig, bone_map, RetargetSettings(), scene, layer) for _ in range(3)]
    wall = (time.perf_counter() - began) / 3
    rig.animation_data_clear()
    theirs = seconds(baked, source, rig, options.baked) / options.baked * count
    figures = {
        "blender": bpy.app.version_string,
        "frames": count,
        "bones": len(rig.data.bones),
        "retarget_s": round(float(np.median(ours)), 2),
        "retarget_wall_s": round(wall, 2),
        "nla_bake_s": round(theirs, 1),
        "ratio": round(theirs / float(np.median(ours))),
        "retarget_s_wanted": 2,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
