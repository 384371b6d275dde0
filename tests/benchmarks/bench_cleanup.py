"""Processor time of world, contacts and foot lock: `python tests/benchmarks/bench_cleanup.py [frames ...]`."""

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from inference_backend.body.body import Body  # noqa: E402
from inference_backend.records.context import StageContext  # noqa: E402
from inference_backend.stages.contacts.settings import ContactSettings  # noqa: E402
from inference_backend.stages.contacts.stage import find_contacts  # noqa: E402
from inference_backend.stages.foot_lock.settings import FootLockSettings  # noqa: E402
from inference_backend.stages.foot_lock.stage import lock_feet  # noqa: E402
from inference_backend.stages.world.settings import WorldSettings  # noqa: E402
from inference_backend.stages.world.stage import place_in_world  # noqa: E402


def load_studio() -> type:
    """The walking figure of the tests."""
    path = ROOT / "tests" / "inference_backend" / "stages" / "conftest.py"
    spec = importlib.util.spec_from_file_location("studio", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["studio"] = module
    spec.loader.exec_module(module)
    return module.Studio


def main(frames: int) -> None:
    """Time a walk of so many frames."""
    studio = load_studio()(Body.load())
    walk = studio.walk(seconds=frames / 30, speed=0.8)
    film = studio.film(walk, np.array([0.3, 1.6, frames / 30 * 0.8 + 8]), 10.0)
    count, ctx = len(walk.video), StageContext()
    started = time.process_time()
    shots, camera = studio.one_shot(count), studio.camera(count)
    _, (motion,) = place_in_world(walk.video, shots, camera, [film], studio.body, WorldSettings(), ctx)
    placed = time.process_time()
    contacts = find_contacts(walk.video, motion, studio.body, ContactSettings(), ctx)
    lock_feet(walk.video, motion, contacts, studio.body, FootLockSettings(smoothing_s=0.2), ctx)
    ended = time.process_time()
    print(
        f"{count} frames: world {1e3 * (placed - started) / count:.3f}, "
        f"contacts and lock {1e3 * (ended - placed) / count:.3f} ms a frame"
    )


if __name__ == "__main__":
    for argument in sys.argv[1:] or ("1000", "18000"):
        main(int(argument))
