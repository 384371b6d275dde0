"""The files that the backend computes with: body, models, weights."""

import json
import struct
import sys
from pathlib import Path
from typing import Final

from ..pipeline.identity import file_sha256
from ..protocol.errors import RecoverError
from .findings import Finding

WEIGHTS: Final[Path] = Path(__file__).resolve().parents[1] / "weights"
_REINSTALL: Final[str] = "Install the extension again."


def look_at_files() -> list[Finding]:
    """The open body, the pose model with the libraries that run it, and every weights file."""
    return [
        _open_body(),
        _pose_model(),
        *_system_libraries(),
        *(_weights(path) for path in sorted(WEIGHTS.glob("*.safetensors"))),
    ]


def _open_body() -> Finding:
    from ..body.open_body import OPEN_BODY, OPEN_BODY_SHA256

    try:
        ok = file_sha256(OPEN_BODY) == OPEN_BODY_SHA256
    except OSError as error:
        return Finding("open body", f"{OPEN_BODY.name} cannot be read ({error.strerror})", ok=False, remedy=_REINSTALL)
    state = OPEN_BODY.name if ok else f"{OPEN_BODY.name} is damaged: its checksum is not the expected one"
    return Finding("open body", state, ok=ok, remedy=_REINSTALL)


def _pose_model() -> Finding:
    from ..models.pose_landmarker.location import find_model

    try:
        return Finding("pose model", find_model().name)
    except RecoverError as error:
        return Finding("pose model", error.sentence, ok=False, remedy=error.remedy)


def _system_libraries() -> list[Finding]:
    from ..models.pose_landmarker.system_libraries import LIBRARIES, require_system_libraries

    if sys.platform != "linux":
        return []
    try:
        require_system_libraries()
    except RecoverError as error:
        return [Finding("system libraries", error.sentence, ok=False, remedy=error.remedy)]
    return [Finding("system libraries", ", ".join(LIBRARIES))]


def _weights(path: Path) -> Finding:
    # A safetensors file begins with the length of its JSON header, which says how long the rest is.
    subject = f"weights {path.stem}"
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, 1 << 24)))
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]
        complete = path.stat().st_size == 8 + length + max(entry["data_offsets"][1] for entry in tensors)
    except (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        return Finding(subject, f"{path.name} cannot be read ({error})", ok=False, remedy=_REINSTALL)
    state = f"{len(tensors)} tensors, {path.stat().st_size / 1e6:.1f} MB"
    return Finding(subject, state if complete else f"{path.name} is cut short", ok=complete, remedy=_REINSTALL)
