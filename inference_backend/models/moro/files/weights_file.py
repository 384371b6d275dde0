"""Our own weights files: safetensors with the configuration, trajectory statistics and provenance beside the weights.

Written tensor by tensor, so that converting a checkpoint of several GB needs little memory.
"""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ....protocol.errors import ErrorCode, RecoverError
from ..config import BackboneConfig, MoroConfig, TokenizerConfig

FORMAT: Final = "recover-motion-moro-1"
_DTYPE_NAMES: Final = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


@dataclass(frozen=True)
class Entry:
    """One tensor to write: its name, type and shape, and how to get it."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    load: Callable[[], Tensor]


def entry(name: str, tensor: Tensor) -> Entry:
    """An entry for a tensor that is in memory."""
    return Entry(name, tensor.dtype, tuple(tensor.shape), lambda: tensor)


def config_to_json(config: MoroConfig) -> str:
    """A configuration as JSON text."""
    return json.dumps(asdict(config))


def config_from_json(text: str) -> MoroConfig:
    """Inverse of `config_to_json`."""
    values: dict[str, Any] = json.loads(text)
    tuples = {key: tuple(v) if isinstance(v, list) else v for key, v in values.pop("tokenizer").items()}
    backbone = values.pop("backbone")
    if backbone is not None:
        backbone = BackboneConfig(**{key: tuple(v) if isinstance(v, list) else v for key, v in backbone.items()})
    if values.get("evidence_groups") is not None:
        values["evidence_groups"] = tuple(map(tuple, values["evidence_groups"]))
    return MoroConfig(tokenizer=TokenizerConfig(**tuples), backbone=backbone, **values)


def write_weights(path: Path, entries: Iterable[Entry], config: MoroConfig, provenance: dict[str, str]) -> None:
    """Write a weights file, whole or not at all.

    Args:
        path: target.
        entries: the tensors.
        config: stored with them.
        provenance: further text to store (where the weights come from, checksums, ...).

    Raises:
        RecoverError: the target cannot be written.
    """
    entries = sorted(entries, key=lambda e: (-e.dtype.itemsize, e.name))
    metadata = {"format": FORMAT, "config": config_to_json(config), **provenance}
    header: dict[str, Any] = {"__metadata__": metadata}
    offset = 0
    for item in entries:
        size = item.dtype.itemsize * torch.Size(item.shape).numel()
        header[item.name] = {
            "dtype": _DTYPE_NAMES[item.dtype],
            "shape": list(item.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with temporary.open("wb") as file:
                file.write(len(text).to_bytes(8, "little") + text)
                for item in entries:
                    file.write(item.load().contiguous().view(-1).view(torch.uint8).numpy())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The weights could not be written to {path} ({error.strerror}).",
            "Choose a folder that can be written to and has space for them.",
        ) from error


@dataclass(frozen=True)
class WeightsFile:
    """What a weights file holds, apart from the weights of the network.

    Attributes:
        config: the configuration.
        metadata: all stored text.
        tensors: all tensors by name.
    """

    config: MoroConfig
    metadata: dict[str, str]
    tensors: dict[str, Tensor]


def read_metadata(path: Path) -> tuple[MoroConfig, dict[str, str]]:
    """Configuration and metadata of a weights file, without its tensors; errors as `read_weights`."""
    file = _read(path, "cpu", tensors=False)
    return file.config, file.metadata


def read_weights(path: Path, device: str = "cpu") -> WeightsFile:
    """Read a weights file.

    Raises:
        RecoverError: it is missing, damaged, or not one of ours.
    """
    return _read(path, device, tensors=True)


def _read(path: Path, device: str, *, tensors: bool) -> WeightsFile:
    if not path.is_file():
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The MoRo weights {path} do not exist.",
            "Put the weights there, or convert a downloaded checkpoint to this file (see docs/moro.md).",
        )
    try:
        with safe_open(str(path), framework="pt", device=device) as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise RecoverError(
                    ErrorCode.BAD_INPUT,
                    f"{path} is a safetensors file, but not MoRo weights of this version.",
                    "Convert the downloaded checkpoint first (see docs/moro.md).",
                )
            config = config_from_json(metadata["config"])
            names = file.keys() if tensors else ()
            return WeightsFile(config, metadata, {name: file.get_tensor(name) for name in names})
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The MoRo weights {path} are damaged ({error}).",
            "Convert the downloaded checkpoint again, or restore the file.",
        ) from error
