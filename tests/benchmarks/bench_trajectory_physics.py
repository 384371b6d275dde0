"""Time of the trajectory network and of the physics stage: `python tests/benchmarks/bench_trajectory_physics.py`.

Prints milliseconds a frame, wall clock and processor time; with a GPU also the seconds for a minute's motion in 100
steps at the paper's size.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from inference_backend.body.body import Body  # noqa: E402
from inference_backend.evaluation.physics import gaits  # noqa: E402
from inference_backend.models.trajectory.canonical import Scale  # noqa: E402
from inference_backend.models.trajectory.config import CPU, PAPER  # noqa: E402
from inference_backend.models.trajectory.denoiser import TrajDenoiser  # noqa: E402
from inference_backend.models.trajectory.regenerate import regenerate  # noqa: E402
from inference_backend.records.context import StageContext  # noqa: E402
from inference_backend.records.motion import Contacts  # noqa: E402
from inference_backend.records.video import Video  # noqa: E402
from inference_backend.stages.foot_lock.settings import FootLockSettings  # noqa: E402
from inference_backend.stages.physics.humanoid import make_humanoid  # noqa: E402
from inference_backend.stages.physics.settings import PhysicsSettings  # noqa: E402
from inference_backend.stages.physics.stage import apply_physics  # noqa: E402

FRAMES = 1800


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall clock and of processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - processor


def say(key: str, seconds: tuple[float, float], frames: int) -> None:
    """One line of JSON."""
    wall, processor = (round(1000 * value / frames, 3) for value in seconds)
    print(json.dumps({key: processor, "wall_ms": wall, "frames": frames}), flush=True)


def main() -> None:
    """Run all."""
    torch.manual_seed(0)
    joints = torch.randn(FRAMES, 24, 3).cumsum(0) * 0.01
    network = TrajDenoiser(CPU).eval()
    torch.set_num_threads(1)  # as the stage does
    regenerate(network, Scale(), [joints[:240]], steps=2)
    say(
        "trajectory_ms",
        timed(lambda: regenerate(network, Scale(), [joints], steps=20, batch=16)),
        FRAMES,
    )
    if torch.cuda.is_available():
        large = TrajDenoiser(PAPER).eval().cuda()
        regenerate(large, Scale(), [joints[:240]], steps=2, batch=512)
        seconds, _ = timed(lambda: regenerate(large, Scale(), [joints], steps=100, batch=512))
        print(json.dumps({"gpu": torch.cuda.get_device_name(), "minute_s": round(seconds, 3)}), flush=True)
    body = Body.load()
    soles = make_humanoid(body, np.zeros(10)).soles
    gait = gaits.disturbed(gaits.walk(soles, FRAMES / gaits.FPS), 1)
    video = Video(Path("walk.mp4"), gaits.FPS, (1280, 720), gait.time_s, np.arange(len(gait.time_s)))
    settings, lock = PhysicsSettings(mode="auto"), FootLockSettings()
    contacts = Contacts(0, gait.contact)
    seconds = timed(lambda: apply_physics(video, gait.motion, contacts, True, body, settings, lock, StageContext()))
    say("physics_ms", seconds, FRAMES)


if __name__ == "__main__":
    main()
