"""Writes `backend.lock` from `backend.in` (development only: `make lock`).

torch and what only its CUDA build needs are left out: the environment installs torch by its pinned version, from the
build that suits the machine, and a hash would bind it to one of them.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LEFT_OUT = re.compile(r"^(torch|triton|cuda-|nvidia-)")


def main() -> None:
    """Resolve for every platform and Python that the product supports, and drop torch's own build."""
    with tempfile.TemporaryDirectory() as folder:
        resolved = Path(folder) / "full.lock"
        command = ["uv", "pip", "compile", str(HERE / "backend.in"), "--universal", "--python-version", "3.11"]
        command += ["--generate-hashes", "--no-annotate", "--no-header", "--quiet", "--output-file", str(resolved)]
        subprocess.run(command, check=True)
        entries = re.split(r"\n(?=\S)", resolved.read_text(encoding="utf-8").strip())
    kept = [entry for entry in entries if not LEFT_OUT.match(entry)]
    header = "# Written by `make lock` from backend.in. torch is installed beside it by its pinned version.\n"
    (HERE / "backend.lock").write_text(header + "\n".join(kept) + "\n", encoding="utf-8")
    print(f"backend.lock: {len(kept)} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
