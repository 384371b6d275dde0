"""Finds the estimator's weights, and checks that the body is the one they were trained for."""

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ....body.body import Body
from ....models.moro.checkpoint import network_from, sha256_of
from ....models.moro.connections import Connections, read_connections
from ....models.moro.network import Moro
from ....models.moro.weights_file import read_weights
from ....protocol.errors import ErrorCode, RecoverError
from .settings import MoroSettings

BUNDLED: Final = Path(__file__).resolve().parents[3] / "weights" / "moro_open.safetensors"
SMPLX_VERTICES: Final = 10475
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


def load_moro(settings: MoroSettings, body: Body, device: str) -> tuple[Moro, NDArray[np.int64]]:
    """Load the network for a body.

    Returns:
        The network on the device, and which of the body's vertices its meshes have.

    Raises:
        RecoverError: weights or connections are missing, damaged or of another size, or the body is another one.
    """
    path = weights_path(settings)
    file = read_weights(path, "cpu")
    _check_body(file.metadata.get("body_sha256"), file.config.body_name, body, path)
    connections: Connections | None = None
    if not any(name.startswith("connections.") for name in file.tensors):
        connections = read_connections(_connections_path(settings, path), file.config.tokenizer)
    model = network_from(file, path, connections).to(device)
    if settings.bf16 and torch.device(device).type in ("cuda", "cpu"):
        model.set_precision(torch.bfloat16)
    vertex_ids = model.vertex_ids
    if vertex_ids.max() >= len(body.v_template):
        raise RecoverError(
            ErrorCode.WRONG_BODY,
            f"The weights {path.name} code vertex {vertex_ids.max()}, but the body has {len(body.v_template)}.",
            "Choose the body file that the weights were trained for.",
        )
    return model, vertex_ids


def _check_body(sha256: str | None, name: str, body: Body, path: Path) -> None:
    if sha256 is not None:
        if sha256 != body.sha256:
            raise RecoverError(
                ErrorCode.WRONG_BODY,
                f"The weights {path.name} were trained for another body than {body.name}.",
                f"Choose the body {name} that they were trained for.",
            )
    elif len(body.v_template) != SMPLX_VERTICES:
        raise RecoverError(
            ErrorCode.WRONG_BODY,
            f"The weights {path.name} were trained for SMPL-X, whose mesh has {SMPLX_VERTICES} vertices; the body "
            f"{body.name} has {len(body.v_template)}.",
            "Choose your SMPLX_NEUTRAL.npz as the body file.",
        )
