"""All benchmarks, one after the other, and one table: `make bench`. Takes half an hour on two cores.

`python -m tests.benchmarks NAME ...` runs some of them. Every figure is a ratio within one run, or a size: they can be
compared between machines.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent
ROOT: Final = FOLDER.parents[1]
SCRIPTS: Final = "Scripts" if sys.platform == "win32" else "bin"
BPY: Final = ROOT / ".venv-bpy45" / SCRIPTS / ("python.exe" if sys.platform == "win32" else "python")


@dataclass(frozen=True)
class Figure:
    """A number to take from a line of JSON.

    Attributes:
        key: its name in the line; lines without it have no such figure.
        label: what it is, for the table; other values of the line may stand in it.
        wanted: the aim, e.g. ">= 0.6", or "" for none.
    """

    key: str
    label: str
    wanted: str = ""

    def row(self, line: dict[str, Any]) -> tuple[str, str, str, str]:
        """A row of the table: label, value, aim, whether it is met."""
        value = line[self.key]
        met = ""
        if self.wanted:
            sign, aim = self.wanted.split()
            met = "met" if (value >= float(aim) if sign == ">=" else value <= float(aim)) else "MISSED"
        return self.label.format(**line), str(round(value, 3)), self.wanted, met


@dataclass(frozen=True)
class Bench:
    """A script that prints lines of JSON."""

    script: str
    figures: tuple[Figure, ...]
    arguments: tuple[str, ...] = ()
    python: Path = Path(sys.executable)

    def run(self) -> Iterator[tuple[str, str, str, str]]:
        """Rows of the table; the script's lines are passed on as they come."""
        command = [str(self.python), str(FOLDER / self.script), *self.arguments]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8") as child:
            for text in child.stdout:
                print(text, end="", flush=True)
                if text.startswith("{") and text.rstrip().endswith("}"):
                    line = json.loads(text)
                    yield from (figure.row(line) for figure in self.figures if figure.key in line)
        if child.returncode:
            yield f"{self.script} failed", f"status {child.returncode}", "", "MISSED"


BENCHES: Final[dict[str, Bench]] = {
    "pipeline": Bench(
        "bench_pipeline.py",
        (
            Figure("ratio", "pipeline's frame rate over MediaPipe's with {poses} poses", ">= 0.6"),
            Figure("ratio_of_processor_time", "the same by processor time"),
        ),
    ),
    "memory": Bench(
        "bench_memory.py",
        (
            Figure("ratio", "peak memory of 10 minutes over 1 minute", "<= 1.2"),
            Figure("largest_GB", "peak memory of 10 minutes, GB", "<= 2.5"),
        ),
    ),
    "presets": Bench(
        "bench_presets.py",
        (
            Figure("share", "preset {preset}, {poses} poses: rate over MediaPipe's by processor time", ">= 0.3"),
            Figure("peak_GB", "preset {preset}: peak memory, GB", "<= 2.5"),
        ),
    ),
    "keys": Bench(
        "bench_keys.py", (Figure("ratio", "keyframe_insert's time over ours, {frames} frames", ">= 100"),), python=BPY
    ),
    "retarget": Bench(
        "bench_retarget.py",
        (
            # One thread's time, which a quiet core takes.
            Figure("retarget_s", "retargeting {frames} frames to {bones} bones: processor time, s", "<= 2"),
            Figure("ratio", "nla.bake's time over that"),
        ),
        python=BPY,
    ),
    "addon": Bench("bench_addon.py", (), python=BPY),  # how long Blender's window stands still, in milliseconds
    "rope": Bench(
        "bench_rope.py",
        (
            # One thread's time: two quiet cores take half of it, so that 16 stands for 8 ms a frame.
            Figure("processor_ms_a_frame", "Rope, processor ms a frame: {part}", "<= 16"),
            Figure("share_of_product", "Rope, rate over a matrix product's: {part}"),
        ),
    ),
    "trajectory_physics": Bench(
        "bench_trajectory_physics.py",
        (
            Figure("trajectory_ms", "trajectory network, 20 steps: processor time of a frame, ms", "<= 4"),
            Figure("physics_ms", "physics stage: processor time of a frame, ms", "<= 6"),
            Figure("minute_s", "a minute's paths in 100 steps on {gpu}, seconds", "<= 1"),
        ),
    ),
    "moro": Bench(
        "bench_moro.py",
        (
            Figure("times_the_reference", "MoRo, speed over the plain reading: {run}"),
            Figure("ratio", "MoRo, peak memory of 2,000 frames over 500", "<= 1.15"),
            Figure("fit_ms_a_frame", "MoRo, meshes to parameters: processor ms a frame"),
        ),
    ),
}


def main() -> int:
    """Run and print; 1 when an aim was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all by default")
    names = parser.parse_args().names or list(BENCHES)
    if unknown := set(names) - BENCHES.keys():
        parser.error(f"there is no benchmark {sorted(unknown)[0]}")
    rows = [row for name in names for row in BENCHES[name].run()]
    width = max(len(row[0]) for row in rows)
    print(f"\n{'figure':{width}}  {'measured':>9}  {'wanted':>7}")
    for label, value, wanted, met in rows:
        print(f"{label:{width}}  {value:>9}  {wanted:>7}  {met}")
    return int(any(met == "MISSED" for *_, met in rows))


if __name__ == "__main__":
    sys.exit(main())
