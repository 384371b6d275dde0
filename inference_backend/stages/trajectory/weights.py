"""Which weights the trajectory stage runs with. Needs no torch."""

import hashlib
from pathlib import Path
from typing import Final

from ...protocol.errors import ErrorCode, RecoverError
from .settings import TrajectorySettings

BUNDLED: Final = Path(__file__).parents[2] / "weights" / "trajectory_open.safetensors"
"""Where the product's own weights lie, if it has any."""


def find_weights(settings: TrajectorySettings) -> Path | None:
    """The weights file that the settings name, else the product's own, else None.

    Raises:
        RecoverError: `MISSING_PART` when the settings name a file that is not there.
    """
    if settings.weights is None:
        return BUNDLED if BUNDLED.is_file() else None
    if not (named := Path(settings.weights)).is_file():
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The trajectory weights {named} do not exist.",
            "Put the weights there, or leave the setting empty.",
        )
    return named


def weights_checksum(settings: TrajectorySettings) -> str:
    """SHA-256 of the weights file in hexadecimal, "" when there is none or the stage is switched off.

    Raises:
        RecoverError: as `find_weights`.
    """
    if settings.trigger == "never" or (path := find_weights(settings)) is None:
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
