"""Figures that an ablation left in its folder, so that it can go on."""

import json
from pathlib import Path
from typing import Any

from ..pipeline.identity import file_sha256
from ..protocol.errors import ErrorCode, RecoverError


def kept_figures(path: Path) -> dict[str, Any]:
    """The content of a file of figures: `rows`, and how they were made.

    Raises:
        RecoverError: it cannot be read, or is no such file.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _bad(path, str(error)) from error
    if not isinstance(found, dict) or not isinstance(found.get("rows"), dict):
        raise _bad(path, "it has no rows")
    return found


def data_checksum(data: Path) -> str:
    """Checksum of the motion in a folder of prepared motion that variants learn from; "" where there is none."""
    path = data / "train.npz"
    return file_sha256(path) if path.is_file() else ""


def _bad(path: Path, why: str) -> RecoverError:
    return RecoverError(
        ErrorCode.BAD_INPUT, f"The figures in {path} cannot be used ({why}).", "Delete the file, or use another folder."
    )
