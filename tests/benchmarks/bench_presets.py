"""Speed and peak memory of the quality presets: `python tests/benchmarks/bench_presets.py`.

Each preset's whole pipeline with an empty cache against plain MediaPipe with the same options on the same clip, in turn
in one process; processor time, user and system, of all threads. Peak memory is that of `recover` in a process of its
own. Prints a line of JSON for each preset and number of people to look for, and one for each preset's memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from inference_backend.pipeline.cache import StageCache  # noqa: E402
from inference_backend.pipeline.progress import JobProgress  # noqa: E402
from inference_backend.pipeline.recover import Job, recover  # noqa: E402
from inference_backend.pipeline.settings import RecoverSettings  # noqa: E402
from inference_backend.pipeline.stages import Stages  # noqa: E402
from inference_backend.stages.frames.probe import probe  # noqa: E402
from tests.benchmarks.bench_pipeline import plain_mediapipe  # noqa: E402

FOLDER = ROOT / "presets" / "quality"


class TimedStages(Stages):
    """The product's stages, with the processor time that each took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found):
            return found
        return _timed(found, name, super().__getattribute__("seconds"))


def _timed(work: Callable[..., Any], name: str, seconds: dict[str, float]) -> Callable[..., Any]:
    @wraps(work)
    def timed(*arguments: Any) -> Any:
        began = time.process_time()
        try:
            return work(*arguments)
        finally:
            seconds[name] = seconds.get(name, 0.0) + time.process_time() - began

    return timed


def settings_of(preset: dict[str, Any], people: int) -> RecoverSettings:
    """A preset's settings for so many people (0: as many as the product chooses)."""
    given = json.loads(json.dumps(preset["settings"]))
    given.setdefault("people", {})["people"] = people
    return RecoverSettings.from_json(given)


def pipeline(clip: Path, settings: RecoverSettings) -> dict[str, float]:
    """Recover with an empty cache; processor seconds of every stage, and of all under `total`."""
    stages = TimedStages()
    with tempfile.TemporaryDirectory() as folder:
        job = Job(clip, Path(folder) / "out", settings, device="cpu")
        cache = StageCache(Path(folder) / "cache")
        began = time.process_time()
        recover(job, cache, JobProgress("bench", lambda _m: None), threading.Event(), lambda _note: None, stages)
        return {**stages.seconds, "total": time.process_time() - began}


def mediapipe(clip: Path, settings: RecoverSettings) -> float:
    """Processor seconds of MediaPipe alone."""
    began = time.process_time()
    plain_mediapipe(clip, settings)
    return time.process_time() - began


def peak_memory(clip: Path, settings: RecoverSettings) -> float:
    """Peak of the resident set of `recover` in GB.

    Raises:
        RuntimeError: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / "settings.json"
        chosen.write_text(json.dumps(settings.to_json()), encoding="utf-8")
        command = [sys.executable, "-m", "inference_backend", "recover", str(clip), "--out", str(Path(folder) / "out")]
        command += ["--cache", str(Path(folder) / "cache"), "--device", "cpu", "--settings", str(chosen)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"recover ended with status {child.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=ROOT / "tests" / "sample" / "sample.mp4")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 0], help="0: as many as the product chooses")
    parser.add_argument("--presets", nargs="+", default=sorted(path.stem for path in FOLDER.glob("*.json")))
    options = parser.parse_args()
    torch.set_num_threads(2)
    presets = {name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")) for name in options.presets}
    frames = len(probe(options.clip))
    for preset in presets.values():  # imports
        short = preset | {"settings": preset["settings"] | {"frames": {"end_s": 0.3}}}
        pipeline(options.clip, settings_of(short, 1))
    for name, preset in presets.items():
        for people in options.people:
            settings = settings_of(preset, people)
            rounds = [
                (mediapipe(options.clip, settings), pipeline(options.clip, settings)) for _ in range(options.rounds)
            ]
            plain = float(np.median([row[0] for row in rounds]))
            stages = {key: float(np.median([row[1][key] for row in rounds])) for key in rounds[0][1]}
            total = stages.pop("total")
            print(json.dumps({
                "bench": "presets", "preset": name, "poses": settings.people.most, "frames": frames,
                "share": round(plain / total, 3),
                "mediapipe_ms": round(1000 * plain / frames, 2), "pipeline_ms": round(1000 * total / frames, 2),
                "stages_ms": {key: round(1000 * s / frames, 2) for key, s in stages.items()},
            }), flush=True)  # fmt: skip
        memory = peak_memory(options.clip, settings_of(preset, 0))
        print(json.dumps({"bench": "presets", "preset": name, "peak_GB": round(memory, 3)}), flush=True)


if __name__ == "__main__":
    main()
