"""Builds the extension's zip, and the index of a repository that holds it, with Blender's own command.

Run with a Python that has bpy: `python tests/extension/build.py FOLDER`, or `... --validate ZIP`.
"""

import subprocess
import sys
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]


def extension_command(*arguments: str) -> None:
    """Run Blender's command-line tool for extensions, which bpy carries."""
    scripts = Path(bpy.utils.resource_path("LOCAL")) / "scripts"
    tool = next(scripts.rglob("blender_ext.py"))
    subprocess.run([sys.executable, str(tool), *arguments], check=True)


def main(folder: Path) -> None:
    """Build into `folder`."""
    model = ROOT / "inference_backend" / "models" / "pose_landmarker" / "pose_landmarker_full.task"
    if not model.is_file():
        sys.exit("The pose model is missing: run `make models` first.")
    folder.mkdir(parents=True, exist_ok=True)
    extension_command("build", "--source-dir", str(ROOT), "--output-dir", str(folder))
    extension_command("server-generate", "--repo-dir", str(folder))


if __name__ == "__main__":
    if sys.argv[1] == "--validate":
        extension_command("validate", str(Path(sys.argv[2]).resolve()))
    else:
        main(Path(sys.argv[1]).resolve())
