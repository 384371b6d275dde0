"""Where the pose model lies, and whether it is the one that this version was built with."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from ...protocol.errors import ErrorCode, RecoverError

MODEL_FILE: Final[Path] = Path(__file__).with_name("pose_landmarker_full.task")
MODEL_SHA256: Final[str] = "a65be899ec617d4a9f720fe1db5e1f2dc6e88a15bd66be5290115ac8866250db"


def sha256_of(data: bytes) -> str:
    """Hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


@cache
def find_model(path: Path = MODEL_FILE) -> Path:
    """Path of the pose model, its checksum verified (once a process).

    Raises:
        RecoverError: `MISSING_PART` when the file is absent, unreadable or not the expected one.
    """
    remedy = "Install the extension again, or run `make models` in a checkout."
    try:
        found = sha256_of(path.read_bytes())
    except OSError as error:
        raise RecoverError(
            ErrorCode.MISSING_PART, f"The pose model {path.name} cannot be read ({error.strerror}).", remedy
        ) from error
    if found != MODEL_SHA256:
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The pose model {path.name} is damaged: its checksum is not the expected one.",
            remedy,
        )
    return path
