"""Frame rate of the whole pipeline over plain MediaPipe's: `python tests/benchmarks/bench_pipeline.py`.

Plain MediaPipe is its PoseLandmarker in VIDEO mode with masks on the pictures that the people stage decodes, and as
many poses as the pipeline follows. The pipeline starts with an empty cache and ends with `result.npz`. Both run in turn
in one process, each time from opening the file on; imports are paid before. Medians over the rounds; on a busy machine
read the processor-time columns, too.
"""

import argparse
import json
import logging
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from inference_backend.models.pose_landmarker.location import find_model  # noqa: E402
from inference_backend.pipeline.cache import StageCache  # noqa: E402
from inference_backend.pipeline.progress import JobProgress  # noqa: E402
from inference_backend.pipeline.recover import Job, recover  # noqa: E402
from inference_backend.pipeline.settings import RecoverSettings  # noqa: E402
from inference_backend.stages.frames.probe import probe  # noqa: E402
from inference_backend.stages.frames.read import read_frames  # noqa: E402
from inference_backend.stages.people.landmarker import Image, ImageFormat, vision  # noqa: E402

STAGE = re.compile(r"stage (\w+) took ([\d.]+) s")


class StageTimes(logging.Handler):
    """Collects what the stage runner logs."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """One line of the log."""
        if told := STAGE.fullmatch(record.getMessage()):
            self.seconds[told[1]] = self.seconds.get(told[1], 0.0) + float(told[2])


def plain_mediapipe(clip: Path, settings: RecoverSettings) -> None:
    """MediaPipe alone over a clip."""
    from mediapipe.tasks.python import BaseOptions

    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(find_model())),
        running_mode=vision.RunningMode.VIDEO,
        num_poses=settings.people.most,
        output_segmentation_masks=True,
    )
    video = probe(clip)
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        for frame, picture in read_frames(video, max_side=settings.people.working_side):
            image = Image(image_format=ImageFormat.SRGB, data=picture)
            landmarker.detect_for_video(image, round(1000 * video.time_s[frame]))


def whole_pipeline(clip: Path, settings: RecoverSettings) -> None:
    """From the file to `result.npz`, nothing cached."""
    with tempfile.TemporaryDirectory() as folder:
        progress = JobProgress("bench", lambda _message: None)
        job = Job(clip, Path(folder) / "out", settings, device="cpu")
        recover(job, StageCache(Path(folder) / "cache"), progress, threading.Event(), lambda _note: None)


def clocked(work: object, *arguments: object) -> tuple[float, float]:
    """Wall and processor seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work(*arguments)
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(clip: Path, people: int, rounds: int) -> dict[str, object]:
    """One row of figures."""
    settings = RecoverSettings.from_json({"people": {"people": people}})
    frames = len(probe(clip))
    times = StageTimes()
    log = logging.getLogger("inference_backend.pipeline.stage_runner")
    log.setLevel(logging.INFO)
    log.addHandler(times)
    rows = []
    for _ in range(rounds):
        rows.append((clocked(plain_mediapipe, clip, settings), clocked(whole_pipeline, clip, settings)))
    log.removeHandler(times)
    plain, ours = np.median(np.array(rows), axis=0)
    return {
        "bench": "pipeline",
        "frames": frames,
        "poses": settings.people.most,
        "mediapipe_fps": round(frames / plain[0], 1),
        "pipeline_fps": round(frames / ours[0], 1),
        "ratio": round(plain[0] / ours[0], 2),
        "ratio_of_processor_time": round(plain[1] / ours[1], 2),
        "ratio_wanted": 0.6,
        "processor_ms_a_frame": [round(1000 * plain[1] / frames, 1), round(1000 * ours[1] / frames, 1)],
        "stages_ms_a_frame": {name: round(1000 * s / rounds / frames, 2) for name, s in times.seconds.items()},
    }


def main() -> None:
    """Measure and print a line of JSON for each number of people to look for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=ROOT / "tests" / "sample" / "sample.mp4")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--people", type=int, nargs="+", default=[0, 1], help="0: as many as the product chooses")
    options = parser.parse_args()
    torch.set_num_threads(2)
    short = RecoverSettings.from_json({"people": {"people": 1}, "frames": {"end_s": 0.3}})
    whole_pipeline(options.clip, short)  # imports
    for people in options.people:
        print(json.dumps(compare(options.clip, people, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
