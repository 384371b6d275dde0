"""Which vertices each mesh layer connects: read from connection files, or from our own single-file form.

A tokenizer with L levels has 2L - 1 layers each way. Encoder layer l reads `_pool{l}`, decoder layers mirror it with
`_unpool{l}`. Neighbour order carries meaning, because weights are stored for each slot.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....protocol.errors import ErrorCode, RecoverError
from ..config import TokenizerConfig


@dataclass(frozen=True)
class Connection:
    """Neighbours of each output vertex of one layer.

    Attributes:
        index: int64 `[P_out,M]`, input vertices; 0 in unused slots.
        valid: bool `[P_out,M]`, which slots are used.
    """

    index: Tensor
    valid: Tensor


@dataclass(frozen=True)
class Connections:
    """All layers' neighbours, in the order in which the layers run (encoder, then decoder).

    Attributes:
        layers: one `Connection` for each layer.
        points: vertices on each level, finest first.
        vertex_ids: int64 `[points[0]]`, which vertices of the body the finest level is; None: the first ones.
    """

    layers: tuple[Connection, ...]
    points: tuple[int, ...]
    vertex_ids: NDArray[np.int64] | None = None

    @property
    def slots(self) -> tuple[int, ...]:
        """Neighbour slots of each layer."""
        return tuple(layer.index.shape[1] for layer in self.layers)


def _decode(table: NDArray, n_input: int, name: str, path: Path) -> Connection:
    """Turn one stored table (column 0: count; then pairs of vertex id and ring distance) into index and mask."""
    if table.ndim != 2 or table.shape[1] < 3 or table.shape[1] % 2 == 0 or table.dtype.kind not in "iu":
        raise _bad(path, f"{name} is not a table of neighbours")
    table = table.astype(np.int64)
    count, index = table[:, 0], table[:, 1::2]
    valid = np.arange(index.shape[1])[None] < count[:, None]
    if count.min() < 1 or count.max() > index.shape[1]:
        raise _bad(path, f"{name} has rows without neighbours, or with more neighbours than slots")
    used = index[valid]
    if used.min() < 0 or used.max() >= n_input:
        raise _bad(path, f"{name} names vertex {used.max()}, but its input mesh has {n_input} vertices")
    return Connection(torch.from_numpy(np.where(valid, index, 0)), torch.from_numpy(valid))


def _bad(path: Path, what: str) -> RecoverError:
    return RecoverError(
        ErrorCode.BAD_INPUT,
        f"The connection files {path} cannot be used: {what}.",
        "Point the setting at the connection files that belong to the checkpoint.",
    )


def _read_tables(path: Path) -> dict[str, NDArray]:
    try:
        if path.is_dir():
            return {file.stem: np.load(file, allow_pickle=False) for file in sorted(path.glob("_*pool*.npy"))}
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The connection files {path} do not exist.",
            "Copy the released tokenizer's connection folder there, or name its place in the settings.",
        ) from error
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise _bad(path, "a file is damaged or not a numeric array") from error


def read_connections(path: Path, config: TokenizerConfig | None = None) -> Connections:
    """Read connection tables.

    Args:
        path: a folder with `_pool{l}.npy` and `_unpool{l}.npy`, or one `.npz` holding arrays of these names (and
            optionally `vertex_ids`).
        config: the tokenizer that will use them; None to take the sizes from the files.

    Returns:
        The connections in layer order.

    Raises:
        RecoverError: the files are missing, damaged, or of another mesh.
    """
    return connections_from_tables(_read_tables(Path(path)), Path(path), config)


def connections_from_tables(
    tables: Mapping[str, NDArray], path: Path, config: TokenizerConfig | None = None
) -> Connections:
    """Connections from stored tables by name; `path` is named in errors. Raises as `read_connections`."""
    n_layers = sum(name.startswith("_pool") for name in tables)
    names = [f"_pool{i}" for i in range(n_layers)] + [f"_unpool{i}" for i in reversed(range(n_layers))]
    missing = [name for name in names if name not in tables]
    if n_layers < 3 or n_layers % 2 == 0 or missing:
        raise _bad(path, f"{', '.join(missing)} missing" if missing else f"{n_layers} pooling files were found")
    points = tuple(len(tables[f"_pool{i}"]) for i in range(0, n_layers, 2))
    if config is not None and points != config.points:
        raise _bad(path, f"they connect a mesh of {points} vertices, the tokenizer wants {config.points}")
    inward = [points[(i + 1) // 2] for i in range(n_layers)]
    sizes = [points[0], *inward, *reversed([points[0], *inward[:-1]])]
    layers = tuple(_decode(tables[name], sizes[i], name, path) for i, name in enumerate(names))
    for i, layer in enumerate(layers):
        if len(layer.index) != sizes[i + 1]:
            raise _bad(path, f"{names[i]} has {len(layer.index)} rows, the mesh wants {sizes[i + 1]}")
    vertex_ids = tables["vertex_ids"].astype(np.int64) if "vertex_ids" in tables else None
    result = Connections(layers, points, vertex_ids)
    if config is not None and result.slots != config.slots:
        raise _bad(path, f"they have {result.slots} neighbour slots, the tokenizer wants {config.slots}")
    return result


def connections_to_tables(connections: Connections) -> dict[str, NDArray[np.int32]]:
    """Tables in the stored form; ring distances, which nothing reads, are 0 for the first slot and 1 for others."""
    n_layers = len(connections.layers) // 2
    inward = [connections.points[(i + 1) // 2] for i in range(n_layers)]
    sizes = [connections.points[0], *inward, *reversed([connections.points[0], *inward[:-1]])]
    names = [f"_pool{i}" for i in range(n_layers)] + [f"_unpool{i}" for i in reversed(range(n_layers))]
    tables = {}
    for name, layer, n_input in zip(names, connections.layers, sizes, strict=False):
        valid = layer.valid.numpy()
        distance = np.where(np.arange(valid.shape[1]) == 0, 0, 1)
        pairs = np.stack((np.where(valid, layer.index.numpy(), n_input), np.where(valid, distance, -1)), -1)
        tables[name] = np.concatenate((valid.sum(1)[:, None], pairs.reshape(len(valid), -1)), 1).astype(np.int32)
    if connections.vertex_ids is not None:
        tables["vertex_ids"] = connections.vertex_ids.astype(np.int32)
    return tables
