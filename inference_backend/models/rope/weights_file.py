"""Rope's weights files: safetensors with the configuration and the body's checksum beside the weights."""

import os
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ...protocol.errors import ErrorCode, RecoverError
from .config import RopeConfig
from .network import Rope

FORMAT: Final = "recover-motion-rope-1"


def save_rope(model: Rope, path: Path, provenance: dict[str, str], dtype: torch.dtype = torch.float16) -> None:
    """Write a network's weights, whole or not at all.

    Args:
        model: the network.
        path: target.
        provenance: further text to store: `body_sha256`, `body_name`, where the weights come from, ...
        dtype: of the weights; statistics of batch norms stay float32.

    Raises:
        RecoverError: the target cannot be written.
    """
    tensors = {
        key: value.detach().cpu().to(dtype if value.is_floating_point() and "running_" not in key else value.dtype)
        for key, value in model.state_dict().items()
    }
    metadata = {"format": FORMAT, "config": model.config.to_json(), **provenance}
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(save({key: value.contiguous() for key, value in tensors.items()}, metadata))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The weights could not be written to {path} ({error.strerror}).",
            "Choose a folder that can be written to and has space for them.",
        ) from error


def read_metadata(path: Path) -> dict[str, str]:
    """The text stored in a weights file.

    Raises:
        RecoverError: it is missing, damaged, or not one of ours.
    """
    return _read(path)[0]


def load_rope(path: Path, device: str = "cpu") -> tuple[Rope, dict[str, str]]:
    """Build the network of a weights file.

    Returns:
        The network in float32 and evaluation mode, and the file's metadata.

    Raises:
        RecoverError: the file is missing, damaged, not one of ours, or does not fit the network.
    """
    metadata, tensors = _read(path)
    try:
        model = Rope(RopeConfig.from_json(metadata["config"]))
        expected = model.state_dict()
        model.load_state_dict({k: v.to(expected[k].dtype) if k in expected else v for k, v in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _damaged(path, f"they do not fit the network: {str(error).splitlines()[0]}") from error
    bad = [key for key, value in model.state_dict().items() if not value.isfinite().all()]
    if bad:
        raise _damaged(path, f"numbers that are not finite in {bad[0]}")
    return model.requires_grad_(False).eval().to(device), metadata


def _read(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    if not path.is_file():
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The Rope weights {path} do not exist.",
            "Put the weights there, or name another file in the setting rope.weights.",
        )
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise RecoverError(
                    ErrorCode.BAD_INPUT,
                    f"{path} is a safetensors file, but not Rope weights of this version.",
                    "Name a Rope weights file in the setting rope.weights.",
                )
            return metadata, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> RecoverError:
    return RecoverError(ErrorCode.BAD_INPUT, f"The Rope weights {path} are damaged ({why}).", "Restore the file.")
