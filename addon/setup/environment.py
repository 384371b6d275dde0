"""The backend's own Python environment: where it lies, whether it is complete, and how to remove it.

It is a venv outside the add-on's folder; nothing is ever installed into Blender's Python. Imports neither bpy nor
torch.
"""

import hashlib
import json
import shutil
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from .variants import Variant

STAMP_NAME = "recover_motion_environment.json"


class State(StrEnum):
    """What `Environment.state` found."""

    MISSING = "missing"
    INCOMPLETE = "incomplete"  # an installation was started and not finished
    OUTDATED = "outdated"  # complete, but for another lock, or its Python was removed
    READY = "ready"


@dataclass(frozen=True)
class Requirements:
    """What an environment must hold: the hashed lock, and torch's pinned version in a file of its own."""

    lock: Path
    torch: Path

    def digest(self, variant_name: str) -> str:
        """Changes whenever an environment must be built again."""
        digest = hashlib.sha256(variant_name.encode())
        for file in (self.lock, self.torch):
            digest.update(file.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Stamp:
    """Written into the environment's folder: first as the mark that the folder is ours, at the end as complete."""

    variant: str
    digest: str
    complete: bool


@dataclass(frozen=True)
class Environment:
    """A venv in `folder`."""

    folder: Path

    @property
    def python(self) -> Path:
        """The environment's interpreter, whether or not it exists."""
        return self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def stamp_file(self) -> Path:
        """The file that marks the folder as ours."""
        return self.folder / STAMP_NAME

    def stamp(self) -> Stamp | None:
        """The stamp, or None when it is absent or unreadable."""
        try:
            content = json.loads(self.stamp_file.read_text(encoding="utf-8"))
            return Stamp(str(content["variant"]), str(content["digest"]), bool(content["complete"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_stamp(self, variant: Variant, requirements: Requirements, *, complete: bool) -> None:
        """Mark the folder as ours, and as complete or not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = Stamp(variant.name, requirements.digest(variant.name), complete)
        partial = self.stamp_file.with_suffix(".tmp")
        partial.write_text(json.dumps(asdict(stamp)), encoding="utf-8")
        partial.replace(self.stamp_file)

    def state(self, requirements: Requirements) -> State:
        """Whether the environment can be used as it is."""
        stamp = self.stamp()
        if stamp is None:
            return State.MISSING
        if not stamp.complete:
            return State.INCOMPLETE
        # A venv points at the interpreter that made it, which may have gone with an older Blender.
        if not self.python.exists() or stamp.digest != requirements.digest(stamp.variant):
            return State.OUTDATED
        return State.READY

    def size_mb(self) -> int:
        """Disk space that the environment takes, in megabytes."""
        return sum(file.lstat().st_size for file in self.folder.rglob("*") if file.is_file()) // 1_000_000

    def remove(self) -> None:
        """Delete the environment.

        Raises:
            PermissionError: the folder does not carry our stamp, so it may hold something of the user's.
        """
        if not self.folder.exists():
            return
        if not self.stamp_file.is_file() and any(self.folder.iterdir()):
            raise PermissionError(f"{self.folder} was not made by Recover Motion, so it is left alone.")
        shutil.rmtree(self.folder)


def free_disk_mb(folder: Path) -> int:
    """Free space, in megabytes, on the disk that holds `folder` or will hold it.

    Raises:
        OSError: there is no such disk.
    """
    existing = next((parent for parent in (folder, *folder.parents) if parent.exists()), folder)
    return shutil.disk_usage(existing).free // 1_000_000
