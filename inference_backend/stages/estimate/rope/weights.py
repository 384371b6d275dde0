"""Finds the estimator's weights, and checks that the body is the one they were trained for."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

import torch

from ....body.body import Body
from ....models.rope.network import Rope
from ....models.rope.weights_file import load_rope, read_metadata
from ....protocol.errors import ErrorCode, RecoverError
from ..trained_body import TrainedBody
from .settings import RopeSettings

BUNDLED: Final = Path(__file__).resolve().parents[3] / "weights" / "rope_open.safetensors"


def weights_path(settings: RopeSettings) -> Path:
    """The weights file that the settings name.

    Raises:
        RecoverError: `MISSING_PART` when there is none.
    """
    path = BUNDLED if settings.weights is None else Path(settings.weights)
    if path.is_file():
        return path
    where = "None come with this version" if settings.weights is None else f"There is no file {path}"
    raise RecoverError(
        ErrorCode.MISSING_PART,
        f"The estimator rope has no weights. {where}.",
        f"Put trained weights into the backend's folder {BUNDLED.parent.name} as {BUNDLED.name}, name a file in the "
        'setting rope.weights, or use the estimator "kinematic".',
    )


def weights_checksum(settings: RopeSettings) -> str:
    """SHA-256 of the weights file."""
    path = weights_path(settings)
    stat = path.stat()
    return _checksum(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4)
def _checksum(path: Path, _size: int, _time: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def trained_body(settings: RopeSettings) -> TrainedBody:
    """The body that the weights were trained for.

    Raises:
        RecoverError: the weights are missing, damaged or not ours.
    """
    return _body_of(read_metadata(weights_path(settings)))


def _body_of(metadata: dict[str, str]) -> TrainedBody:
    return TrainedBody(metadata.get("body_name", "that they were trained for"), metadata.get("body_sha256"))


def load_for_body(settings: RopeSettings, body: Body, device: str) -> Rope:
    """Load the network for a body, ready to run on the device.

    Raises:
        RecoverError: weights are missing or damaged, or the body is another one.
    """
    path = weights_path(settings)
    model, metadata = load_rope(path, device)
    if not (trained := _body_of(metadata)).fits(body):
        raise RecoverError(
            ErrorCode.WRONG_BODY,
            f"The weights {path.name} were trained for another body than {body.name}: for {trained}.",
            "Choose the body that they were trained for.",
        )
    return model.to(memory_format=torch.channels_last)
