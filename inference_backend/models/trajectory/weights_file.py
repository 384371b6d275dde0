"""The denoiser's weights: safetensors in half precision, with configuration and provenance beside the weights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ...protocol.errors import ErrorCode, RecoverError
from .canonical import Scale
from .config import TrajectoryConfig
from .denoiser import TrajDenoiser

FORMAT: Final = "recover-motion-trajectory-1"


@dataclass(frozen=True)
class TrajectoryWeights:
    """A loaded network, in evaluation mode and single precision; the scale of its paths; all stored text."""

    network: TrajDenoiser
    scale: Scale
    metadata: dict[str, str]


def save_weights(path: Path, network: TrajDenoiser, scale: Scale, provenance: dict[str, str]) -> None:
    """Write a weights file, whole or not at all.

    Args:
        path: target.
        network: what was trained (or its running average).
        scale: that it was trained with.
        provenance: further text: data, steps, device, scores, body's checksum.

    Raises:
        RecoverError: the target cannot be written.
    """
    tensors = {name: value.detach().half().cpu().contiguous() for name, value in network.state_dict().items()}
    numbers = {"mean": scale.mean, "std": scale.std, "joints": scale.joints}
    metadata = {"format": FORMAT, "config": network.config.to_json(), "scale": json.dumps(numbers), **provenance}
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, part, metadata=metadata)
        part.replace(path)
    except (OSError, SafetensorError) as error:
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The weights could not be written to {path} ({error}).",
            "Choose a folder that can be written to and has space for them.",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def load_weights(path: Path, device: str = "cpu") -> TrajectoryWeights:
    """Read a weights file.

    Raises:
        RecoverError: it is missing, damaged, or not one of ours.
    """
    if not path.is_file():
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The trajectory weights {path} do not exist.",
            "Put the weights there, or leave the setting empty.",
        )
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        if metadata.get("format") != FORMAT:
            raise ValueError("it is no weights file of this version")
        network = TrajDenoiser(TrajectoryConfig.from_json(metadata["config"]))
        numbers = json.loads(metadata["scale"])
        scale = Scale(tuple(numbers["mean"]), tuple(numbers["std"]), float(numbers["joints"]))
        network.load_state_dict(tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The trajectory weights {path} cannot be used ({str(error)[:200]}).",
            "Restore the file, or leave the setting empty.",
        ) from error
    for name, value in network.state_dict().items():
        if not torch.isfinite(value).all():
            raise RecoverError(
                ErrorCode.BAD_INPUT,
                f"The trajectory weights {path} are damaged ({name} is not finite).",
                "Restore the file.",
            )
    return TrajectoryWeights(network.eval().to(device), scale, metadata)
