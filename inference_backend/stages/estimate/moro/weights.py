"""Finds the estimator's weights, and checks that the body is the one they were trained for."""

import copy
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ....body.body import Body
from ....models.moro.files.checkpoint import network_from, sha256_of
from ....models.moro.files.weights_file import read_metadata, read_weights
from ....models.moro.network import Moro
from ....models.moro.tokenizer.connections import Connections, read_connections
from ....protocol.errors import ErrorCode, RecoverError
from ..trained_body import TrainedBody
from .settings import MoroSettings

BUNDLED: Final = Path(__file__).resolve().parents[3] / "weights" / "moro_open.safetensors"
SMPLX_VERTICES: Final = 10475
_PRECISIONS: Final = {
    "auto": torch.float32,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
_REMEDY: Final = (
    "Convert the released checkpoint as docs/moro.md says and name the file in the setting moro.weights, "
    'or use the estimator "kinematic".'
)


def weights_path(settings: MoroSettings) -> Path:
    """The weights file that the settings name.

    Raises:
        RecoverError: `MISSING_PART` when there is none.
    """
    path = BUNDLED if settings.weights is None else Path(settings.weights)
    if path.is_file():
        return path
    where = "None come with this version" if settings.weights is None else f"There is no file {path}"
    raise RecoverError(ErrorCode.MISSING_PART, f"The estimator moro has no weights. {where}.", _REMEDY)


def weights_checksum(settings: MoroSettings) -> str:
    """SHA-256 of the weights file."""
    path = weights_path(settings)
    stat = path.stat()
    return _checksum(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4)
def _checksum(path: Path, _size: int, _time: int) -> str:
    return sha256_of(path)


def _connections_path(settings: MoroSettings, weights: Path) -> Path:
    if settings.connections is not None:
        return Path(settings.connections)
    folder = weights.with_name("connections")
    return folder if folder.is_dir() else weights.with_name("connections.npz")


def trained_body(settings: MoroSettings) -> TrainedBody:
    """The body that the weights were trained for; released ones do not say more than that it is SMPL-X.

    Raises:
        RecoverError: the weights are missing, damaged or not ours.
    """
    config, metadata = read_metadata(weights_path(settings))
    sha256 = metadata.get("body_sha256")
    return TrainedBody(config.body_name, sha256, SMPLX_VERTICES if sha256 is None else None)


def load_moro(settings: MoroSettings, body: Body, device: str) -> tuple[Moro, NDArray[np.int64]]:
    """Load the network for a body.

    Returns:
        The network on the device, and which of the body's vertices its meshes have.

    Raises:
        RecoverError: weights or connections are missing, damaged or of another size, the body is another one,
            or there is no such precision.
    """
    path = weights_path(settings)
    file = read_weights(path, "cpu")
    if not (trained := trained_body(settings)).fits(body):
        raise RecoverError(
            ErrorCode.WRONG_BODY,
            f"The weights {path.name} were trained for another body than {body.name}: for {trained}.",
            "Choose the body that they were trained for.",
        )
    connections: Connections | None = None
    if not any(name.startswith("connections.") for name in file.tensors):
        connections = read_connections(_connections_path(settings, path), file.config.tokenizer)
    model = network_from(file, path, connections).to(device)
    model.set_precision(_precision(settings, torch.device(device).type))
    vertex_ids = model.vertex_ids
    if vertex_ids.max() >= len(body.v_template):
        raise RecoverError(
            ErrorCode.WRONG_BODY,
            f"The weights {path.name} code vertex {vertex_ids.max()}, but the body has {len(body.v_template)}.",
            "Choose the body file that the weights were trained for.",
        )
    if model.config.landmark_depth:
        model.set_body(copy.deepcopy(body).to(device))
    return model, vertex_ids


def _precision(settings: MoroSettings, kind: str) -> torch.dtype:
    """float16 has the tensor cores of a GPU at full speed, and a tenth of bfloat16's rounding."""
    chosen = _PRECISIONS.get(settings.precision)
    if chosen is None:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f'The setting moro.precision is "{settings.precision}".',
            f"Use one of: {', '.join(_PRECISIONS)}.",
        )
    if settings.precision == "auto" and kind == "cuda":
        return torch.float16
    return chosen if kind in ("cuda", "cpu") else torch.float32
