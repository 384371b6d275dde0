"""Peak memory of a 10-minute clip against a 1-minute clip's: `python tests/benchmarks/bench_memory.py`.

Each clip is the sample played forwards and backwards again and again: one shot, one person, the whole pipeline in a
process of its own with an empty cache. The peak is that of its resident set, as the system counted it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.looped_clip import SAMPLE, write_looped  # noqa: E402

STAGE = re.compile(r"stage (\w+) took ([\d.]+) s")


def measure(clip: Path, work: Path) -> dict[str, object]:
    """Recover a clip; peak memory in GB, seconds of each stage.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "inference_backend", "recover", str(clip), "--out", str(work / "out")]
    command += ["--cache", str(work / "cache"), "--device", "cpu"]
    started = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"recover ended with status {child.returncode}")
    stages: dict[str, float] = {}
    for log in (work / "cache" / "logs").glob("*"):
        for name, seconds in STAGE.findall(log.read_text("utf-8")):
            stages[name] = round(stages.get(name, 0.0) + float(seconds), 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "peak_GB": round(usage.ru_maxrss * unit / 1e9, 3),
        "processor_s": round(usage.ru_utime + usage.ru_stime, 1),
        "wall_s": round(time.perf_counter() - started, 1),
        "stages_wall_s": stages,
    }


def main() -> None:
    """Measure and print one line of JSON a clip, and one of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs=2, default=(1.0, 10.0), help="lengths of the two clips")
    parser.add_argument("--every", type=int, default=1, help="keep each so-manieth picture of the sample")
    parser.add_argument("--side", type=int, default=1280, help="longer side of the clips, pixels")
    parser.add_argument("--source", type=Path, default=SAMPLE)
    options = parser.parse_args()
    peaks = []
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "clip.mp4"
            frames = round(minutes * 60 * 30 / options.every)
            write_looped(clip, frames, every=options.every, side=options.side, source=options.source)
            row = measure(clip, Path(folder))
        peaks.append(row["peak_GB"])
        print(json.dumps({"minutes": minutes, "frames": frames, **row}), flush=True)
    print(json.dumps({"bench": "memory", "largest_GB": peaks[1], "ratio": round(peaks[1] / peaks[0], 2),
                      "ratio_wanted": 1.2, "largest_wanted_GB": 2.5}))  # fmt: skip


if __name__ == "__main__":
    main()
