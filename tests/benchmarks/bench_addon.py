"""How long the add-on keeps Blender busy: `python tests/benchmarks/bench_addon.py` (needs bpy and `.venv-backend`).

While a job runs: the longest tick, and the time to look the backend up for the panel. Afterwards: the longest step of
building two people of 9,000 frames each, and cleaning the sample again with a backend that is warm.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
import_module("tests.conftest")  # makes the checkout importable as the package that Blender installs

import recover_motion  # noqa: E402
from recover_motion.addon.compat import sequencer_strips  # noqa: E402
from recover_motion.addon.core.timing import real_time  # noqa: E402
from recover_motion.addon.jobs.job import Job, JobState  # noqa: E402
from recover_motion.addon.recover import session  # noqa: E402
from recover_motion.addon.recover.ops import new_job  # noqa: E402
from recover_motion.addon.recover.strip import chosen_strip  # noqa: E402
from recover_motion.addon.result.body_file import read_body  # noqa: E402
from recover_motion.addon.result.scene import BuildSettings, build_take  # noqa: E402
from recover_motion.addon.setup.locations import backend_command, backend_problem  # noqa: E402
from recover_motion.inference_backend.protocol.result_format import load_result  # noqa: E402

from tests.addon.synthetic_result import Clip, PlainBody, random_motion, write_result  # noqa: E402


def run(job: Job) -> dict[str, float]:
    """Drive a job as the timer does; milliseconds of wall clock and of processor time of its longest ticks."""
    waiting, building = [(0.0, 0.0)], [(0.0, 0.0)]
    session.submit(job)
    while job.active:
        before = job.state
        wall, cpu = time.perf_counter(), time.thread_time()
        session.tick()
        kind = building if JobState.BUILDING in (before, job.state) else waiting
        kind.append((time.perf_counter() - wall, time.thread_time() - cpu))
        time.sleep(0.02)
    if job.error is not None:
        raise job.error
    ticks = np.array(waiting) * 1e3
    steps = np.array(building) * 1e3
    return {
        "ticks": len(ticks) - 1,
        "longest tick, ms": ticks[:, 0].max(),
        "longest tick, processor ms": ticks[:, 1].max(),
        "longest step of building, ms": steps[:, 0].max(),
        "longest step of building, processor ms": steps[:, 1].max(),
    }


def sample(folder: Path) -> dict:
    """The sample from click to result, then cleaned again."""
    os.environ |= {
        "RECOVER_MOTION_DATA": str(folder),
        "RECOVER_MOTION_PYTHON": str(ROOT / ".venv-backend" / "bin" / "python"),
    }
    bpy.ops.wm.read_factory_settings(use_empty=True)
    recover_motion.register()
    try:
        scene = bpy.context.scene
        editor = scene.sequence_editor_create()
        video = ROOT / "tests" / "sample" / "sample.mp4"
        editor.active_strip = sequencer_strips(editor).new_movie("walk", str(video), channel=1, frame_start=1)
        editor.active_strip.select = True
        found = {"running": run(new_job(scene, chosen_strip(bpy.context)))}
        began = time.perf_counter()
        backend_command()
        found["looking the backend up, ms"] = (time.perf_counter() - began) * 1e3
        backend_problem()
        began = time.perf_counter()
        backend_problem()
        found["asking for it in a panel, ms"] = (time.perf_counter() - began) * 1e3
        bpy.context.view_layer.objects.active = next(o for o in scene.objects if o.type == "ARMATURE")
        began = time.perf_counter()
        bpy.ops.recover_motion.clean("EXEC_DEFAULT")
        found["cleaning 210 frames again, s"] = time.perf_counter() - began
        return found
    finally:
        recover_motion.unregister()


def long_clip(folder: Path, frames: int) -> dict[str, float]:
    """Seconds of the longest step of building two people, and of all steps."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rng = np.random.default_rng(1)
    people = {i: {"motion": random_motion(rng, frames)} for i in (0, 1)}
    clip = Clip(np.arange(frames) / 30.0, people=people)
    write_result(folder / "long", clip, PlainBody())
    result, body = load_result(folder / "long" / "result.npz"), read_body(folder / "long" / "body.npz")
    times = real_time(clip.time_s, 30.0, 1.0)
    steps = build_take(bpy.context.scene, result, body, times, BuildSettings("long"))
    wall, cpu = [], []
    while True:
        began = time.perf_counter(), time.thread_time()
        done = next(steps, None) is None
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.thread_time() - began[1])
        if done:
            return {
                "longest step, s": max(wall),
                "longest step, processor s": max(cpu),
                "all steps of two people, processor s": sum(cpu),
            }


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=9000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = {
            "blender": bpy.app.version_string,
            f"building {options.frames} frames": long_clip(Path(name), options.frames),
            "sample": sample(Path(name) / "data"),
        }
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
