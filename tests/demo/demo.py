"""The main job on the sample, from the video to an armature, an FBX file, pictures and figures: `make demo`.

Runs in Blender as a module, with the backend's environment beside it. Everything is written to `build/demo/`.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
import_module("tests.conftest")  # makes the checkout importable as the package that Blender installs

import recover_motion  # noqa: E402
from recover_motion.addon.compat import Strip, sequencer_strips  # noqa: E402
from recover_motion.addon.export.clips import shown_clip  # noqa: E402
from recover_motion.addon.export.export import ExportOptions, export_file  # noqa: E402
from recover_motion.addon.export.preset import FOLDER, load_preset  # noqa: E402
from recover_motion.addon.jobs.job import Job  # noqa: E402
from recover_motion.addon.recover import session  # noqa: E402
from recover_motion.inference_backend.protocol.result_format import load_result  # noqa: E402

from tests.demo.preview import Comparison, Stage, write_sheet  # noqa: E402
from tests.demo.scores import main_person, score  # noqa: E402

SAMPLE = ROOT / "tests" / "sample"
PICTURES = 6
MOVIE_STEP = 3


def main() -> None:
    """Run all steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path, default=SAMPLE / "sample.mp4")
    parser.add_argument("--reference", type=Path, default=SAMPLE / "reference.npz")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "demo")
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    video = options.video.resolve()

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    recover_motion.register()
    add_strip(scene, video)
    job = recover(out)
    for sentence in job.notes:
        print(f"  note: {sentence}")
    result = load_result(job.result)
    main = main_person(result).person_id
    armatures = [obj for obj in scene.objects if obj.type == "ARMATURE"]
    person = next(obj for obj in armatures if obj.recover_motion.person_id == main)
    with quiet(out / "blender.log"):
        bpy.ops.wm.save_as_mainfile(filepath=str(out / "demo.blend"))
        preset = load_preset(FOLDER / "fbx.json")
        export_file(out / f"{video.stem}.fbx", person, scene, [shown_clip(person)], preset, ExportOptions.of(preset))
    began = time.perf_counter()
    with quiet(out / "blender.log"):
        write_pictures(scene, video, out)
    print(f"rendered the pictures in {time.perf_counter() - began:.0f} s")

    print("\nAgainst the exact reference (mm unless said otherwise):")
    for name, value in score(result, options.reference).items():
        print(f"  {name:<52} {value:8.1f}")
    print("\nWritten:")
    for name in ("demo.blend", f"{video.stem}.fbx", "side_by_side.png", "side_by_side.mp4"):
        print(f"  {out / name} ({(out / name).stat().st_size / 1e6:.2f} MB)")
    recover_motion.unregister()


def add_strip(scene: bpy.types.Scene, video: Path) -> Strip:
    """Add the video to the Sequencer as an animator would: the scene takes its rate and size."""
    editor = scene.sequence_editor_create()
    strip = sequencer_strips(editor).new_movie(video.stem, str(video), channel=1, frame_start=1)
    scene.render.fps, scene.render.fps_base = round(strip.fps), round(strip.fps) / strip.fps
    scene.render.resolution_x, scene.render.resolution_y = strip.elements[0].orig_width, strip.elements[0].orig_height
    scene.frame_start, scene.frame_end = strip.frame_final_start, strip.frame_final_end - 1
    editor.active_strip = strip
    strip.select = True
    return strip


def recover(out: Path) -> Job:
    """Click the add-on's button for the strip that is selected, and drive the job as Blender's timer would."""
    data = out / "data"
    if data.exists():
        shutil.rmtree(data)  # so that the speed shown is that of real work
    places = [ROOT / ".venv-backend" / "bin" / "python", ROOT / ".venv-backend" / "Scripts" / "python.exe"]
    python = next((place for place in places if place.exists()), None)
    if python is None:
        raise SystemExit("The backend's environment .venv-backend is not there: run `make demo`, which makes it.")
    os.environ["RECOVER_MOTION_PYTHON"], os.environ["RECOVER_MOTION_DATA"] = str(python), str(data)
    began = time.perf_counter()
    bpy.ops.recover_motion.recover("INVOKE_DEFAULT")
    job = session.queue.jobs[-1]
    spent: dict[str, float] = {}
    speed: dict[str, float] = {}
    stage, stage_began = "", began
    while job.active:
        session.tick()
        now = time.perf_counter()
        if job.stage != stage:
            stage, stage_began = job.stage, now
        spent[stage] = now - stage_began
        if job.frames_per_second:
            speed[stage] = job.frames_per_second
        show_progress(job)
        time.sleep(0.02)
    print()
    if job.error is not None:
        raise SystemExit(str(job.error))
    total = time.perf_counter() - began
    frames = len(load_result(job.result))
    rate = frames / total
    print(f"recovered and built {frames} frames in {total:.1f} s: {rate:.1f} a second, start of the child included")
    for name, seconds in spent.items():
        rate = f"{speed[name]:8.1f} frames a second" if name in speed else ""
        print(f"  {name or 'start':<10} {seconds:6.1f} s {rate}")
    return job


def show_progress(job: Job) -> None:
    """One line that is written over while a person watches, and nothing into a log file."""
    if sys.stdout.isatty():
        left = f"{job.seconds_left:.0f} s left" if job.seconds_left is not None else ""
        print(f"\r{100 * job.overall:3.0f} % {job.stage:<10} {left:<14}", end="", flush=True)


@contextmanager
def quiet(log: Path) -> Iterator[None]:
    """Send what Blender prints to a file for a while."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def write_pictures(scene: bpy.types.Scene, video: Path, out: Path) -> None:
    """`side_by_side.mp4` and `side_by_side.png`: video, body over video, and (picture only) the body from the side."""
    first, last = scene.frame_start, scene.frame_end
    frames = list(range(first, last + 1, MOVIE_STEP))
    chosen = [frames[round((i + 0.5) * len(frames) / PICTURES - 0.5)] for i in range(PICTURES)]
    parts = out / "parts"
    stage = Stage(scene, first, last)
    stage.render(parts / "over", frames)
    stage.render(parts / "side", chosen, side=True)
    comparison = Comparison(video, parts / "over", frames, first, scene.render.fps / scene.render.fps_base)
    rows = []
    for number, frame in enumerate(chosen, start=1):
        comparison.write_picture(parts / f"row_{number}.png", frame)
        rows.append((parts / f"row_{number}.png", parts / "side" / f"{number:04}.png"))
    write_sheet(rows, out / "side_by_side.png")
    comparison.write_movie(out / "side_by_side.mp4")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # Blender as a module can wait for ever in a destructor, see tests/addon/conftest.py
