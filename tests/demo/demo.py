"""The main job on the sample, from the video to an armature, an FBX file, pictures and figures: `make demo`.

Runs in Blender as a module, with the backend's environment beside it. Everything is written to `build/demo/`.
"""

import argparse
import os
import shutil
import subprocess
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

from recover_motion.addon.compat import sequencer_strips  # noqa: E402
from recover_motion.addon.export.fbx import export_fbx  # noqa: E402
from recover_motion.addon.recover.strip import read_strip  # noqa: E402
from recover_motion.addon.recover.timeline import Timeline  # noqa: E402
from recover_motion.addon.result.body_file import read_body  # noqa: E402
from recover_motion.addon.result.camera import Footage  # noqa: E402
from recover_motion.addon.result.scene import BuildSettings, Take, build_take, finish  # noqa: E402
from recover_motion.inference_backend.protocol import messages  # noqa: E402
from recover_motion.inference_backend.protocol.result_format import BODY_NAME, RESULT_NAME, load_result  # noqa: E402

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
    parser.add_argument("--recovered", type=Path, help="folder of a result that is there already")
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    video = options.video.resolve()

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    strip = add_strip(scene, video)
    folder = options.recovered or recover(video, out)
    result = load_result(folder / RESULT_NAME)
    for sentence in result.warnings:
        print(f"  note: {sentence}")

    began = time.perf_counter()
    source = read_strip(strip, scene)
    scene_fps = scene.render.fps / scene.render.fps_base
    timeline = Timeline(source.first_scene_frame, source.shown, source.fps, scene_fps, real_time=False)
    times = timeline.key_times(result.time_s, result.frame_index)
    settings = BuildSettings(video.stem, Footage(video))
    take = finish(build_take(scene, result, read_body(folder / BODY_NAME), times, settings))
    person = next(p for p in take.people if p.person_id == main_person(result).person_id)
    print(f"built {len(take.people)} armature(s) in {time.perf_counter() - began:.2f} s")
    with quiet(out / "blender.log"):
        bpy.ops.wm.save_as_mainfile(filepath=str(out / "demo.blend"))
        export_fbx(out / f"{video.stem}.fbx", person.armature, scene)
    began = time.perf_counter()
    with quiet(out / "blender.log"):
        write_pictures(scene, take, video, out)
    print(f"rendered the pictures in {time.perf_counter() - began:.0f} s")

    print("\nAgainst the exact reference (mm unless said otherwise):")
    for name, value in score(result, options.reference).items():
        print(f"  {name:<52} {value:8.1f}")
    print("\nWritten:")
    for name in ("demo.blend", f"{video.stem}.fbx", "side_by_side.png", "side_by_side.mp4"):
        print(f"  {out / name} ({(out / name).stat().st_size / 1e6:.2f} MB)")


def add_strip(scene: bpy.types.Scene, video: Path) -> bpy.types.Strip:
    """Add the video to the Sequencer as an animator would: the scene takes its rate and size."""
    strips = sequencer_strips(scene.sequence_editor_create())
    strip = strips.new_movie(video.stem, str(video), channel=1, frame_start=1)
    scene.render.fps, scene.render.fps_base = round(strip.fps), round(strip.fps) / strip.fps
    scene.render.resolution_x, scene.render.resolution_y = strip.elements[0].orig_width, strip.elements[0].orig_height
    scene.frame_start, scene.frame_end = strip.frame_final_start, strip.frame_final_end - 1
    return strip


def recover(video: Path, out: Path) -> Path:
    """Run the backend as a child and show its progress; returns the folder of the result."""
    folder, cache = out / "result", out / "cache"
    if cache.exists():
        shutil.rmtree(cache)  # so that the speed shown is that of real work
    places = [ROOT / ".venv-backend" / "bin" / "python", ROOT / ".venv-backend" / "Scripts" / "python.exe"]
    python = next((place for place in places if place.exists()), None)
    if python is None:
        raise SystemExit("The backend's environment .venv-backend is not there: run `make demo`, which makes it.")
    command = [python, "-m", "inference_backend", "recover", video, "--out", folder, "--cache", cache, "--json"]
    began = time.perf_counter()
    spent: dict[str, float] = {}
    speed: dict[str, float] = {}
    stage, stage_began = "", began
    failed: messages.Error | None = None
    with (out / "backend.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
        assert child.stdout is not None
        for line in child.stdout:
            match message := messages.decode(line):
                case messages.Progress():
                    now = time.perf_counter()
                    if message.stage != stage:
                        stage, stage_began = message.stage, now
                    spent[stage] = now - stage_began
                    if message.frames_per_second:
                        speed[stage] = message.frames_per_second
                    show_progress(message)
                case messages.Error():
                    failed = message
        code = child.wait()
    print()
    if failed is not None:
        raise SystemExit(f"{failed.sentence} {failed.remedy}")
    if code != 0:
        raise SystemExit(f"The backend ended with exit status {code}; see {out / 'backend.log'}.")
    total = time.perf_counter() - began
    frames = len(load_result(folder / RESULT_NAME))
    print(
        f"recovered {frames} frames in {total:.1f} s: {frames / total:.1f} frames a second, start of the child included"
    )
    for name, seconds in spent.items():
        rate = f"{speed[name]:8.1f} frames a second" if name in speed else ""
        print(f"  {name:<10} {seconds:6.1f} s {rate}")
    return folder


def show_progress(message: messages.Progress) -> None:
    """One line that is written over while a person watches, and nothing into a log file."""
    if sys.stdout.isatty():
        left = f"{message.seconds_left:.0f} s left" if message.seconds_left is not None else ""
        print(f"\r{100 * message.overall:3.0f} % {message.stage:<10} {left:<14}", end="", flush=True)


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


def write_pictures(scene: bpy.types.Scene, take: Take, video: Path, out: Path) -> None:
    """`side_by_side.mp4` and `side_by_side.png`: video, body over video, and (picture only) the body from the side."""
    first, last = scene.frame_start, scene.frame_end
    frames = list(range(first, last + 1, MOVIE_STEP))
    chosen = [frames[round((i + 0.5) * len(frames) / PICTURES - 0.5)] for i in range(PICTURES)]
    parts = out / "parts"
    stage = Stage(scene, take, first, last)
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
