"""Quality presets: their errors on the reference clips, and their speed, which a benchmark measures."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ...pipeline.settings import RecoverSettings
from ...protocol.errors import ErrorCode, RecoverError
from .store import Unit
from .ways import Way


def preset_ways(repository: Path) -> list[Way]:
    """Every preset of `presets/quality`, in the order in which a person is offered them."""
    found = []
    for path in (repository / "presets" / "quality").glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        settings = RecoverSettings.from_json(content["settings"])
        found.append((content["order"], Way(path.stem, settings)))
    return [way for _, way in sorted(found, key=lambda entry: entry[0])]


def speed_unit(way: Way, repository: Path) -> Unit:
    """A preset's speed beside MediaPipe's own and its peak memory, on the sample, in processor time.

    The figures hold for the machine that makes them; only ratios are compared between machines.
    """
    script = repository / "tests" / "benchmarks" / "bench_presets.py"

    def work() -> dict[str, Any]:
        command = [sys.executable, str(script), "--presets", way.name]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, encoding="utf-8", check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise RecoverError(
                ErrorCode.INTERNAL,
                f"The benchmark {script.name} failed: {done.stderr.strip().splitlines()[-1:]}",
                "Run it by itself to see why.",
            )
        speed = {str(line["poses"]): line for line in lines if "share" in line}
        memory = next(line["peak_GB"] for line in lines if "peak_GB" in line)
        return {"speed": speed, "peak_GB": memory}

    return Unit("speed", way.name, way.recipe() | {"preset": way.name}, work)
