"""From the authors' checkpoints to our weights files, and from those to a network. Every key is accounted for."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ....protocol.errors import ErrorCode, RecoverError
from ..config import RESEARCH, MoroConfig
from ..evidence.backbone import VisionTransformer
from ..motion.trajectory import TrajectoryStatistics
from ..network import Moro
from ..tokenizer.connections import Connections, connections_from_tables, connections_to_tables
from ..tokenizer.mesh_tokenizer import MeshTokenizer
from .torch_file import StoredTensor, TorchFile
from .weights_file import Entry, WeightsFile, entry, read_weights, write_weights

_TOKENIZER_PREFIX = "mesh_vqvae."
_BACKBONE_PREFIX = "backbone."
_BODY_MODEL = "bm"
"""First letters of keys that hold a copy of the body model; they are not weights and are left out."""
_CONNECTIONS, _MEAN, _STD = "connections.", "trajectory.mean", "trajectory.std"
_NAMED = 4
"""Keys that an error names before it only counts."""


def empty_network(config: MoroConfig) -> Moro:
    """The network without memory for its weights, to be filled by `load_state_dict(..., assign=True)`."""
    with torch.device("meta"):
        return Moro(config)


def expected_shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Shape of each weight that a checkpoint must have."""
    return {key: tuple(value.shape) for key, value in module.state_dict().items()}


def check_keys(found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]], source: Path) -> None:
    """Raise a `RecoverError` that names missing keys, alien keys and wrong sizes, if there are any."""
    missing = sorted(set(expected) - set(found))
    alien = sorted(set(found) - set(expected))
    wrong = [
        f"{key} is {found[key]} instead of {shape}" for key, shape in expected.items() if found.get(key, shape) != shape
    ]
    complaints = [
        f"{len(keys)} {what} ({', '.join(keys[:_NAMED])}{', ...' if len(keys) > _NAMED else ''})"
        for what, keys in (("missing", missing), ("unknown", alien), ("of another size", wrong))
        if keys
    ]
    if complaints:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The weights in {source} do not fit this network: {'; '.join(complaints)}.",
            "Use the checkpoint of the released configuration that docs/moro.md names.",
        )


def _state_dict(contents: object, source: Path) -> dict[str, StoredTensor]:
    state = contents.get("state_dict") if isinstance(contents, dict) else None
    if not isinstance(state, dict):
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f'The checkpoint {source} has no "state_dict".',
            "Use the Lightning checkpoint as it was released.",
        )
    return {
        key: value
        for key, value in state.items()
        if isinstance(key, str) and isinstance(value, StoredTensor) and not key.startswith(_BODY_MODEL)
    }


def convert_released(
    source: Path, target: Path, statistics: TrajectoryStatistics, config: MoroConfig = RESEARCH, origin: str = ""
) -> None:
    """Convert the authors' full checkpoint (`last.ckpt` of video training) to a weights file of ours.

    Args:
        source: the downloaded Lightning file.
        target: safetensors file to write.
        statistics: of canonical trajectories; the checkpoint lacks them.
        config: what the checkpoint must fit.
        origin: where the statistics come from, stored as text.

    Raises:
        RecoverError: the checkpoint is damaged, or does not fit.
    """
    with TorchFile(source) as file:
        state = _state_dict(file.contents, source)
        check_keys({k: v.shape for k, v in state.items()}, expected_shapes(empty_network(config)), source)
        table = file.read(state["mask_transformer.token_emb.weight"])
        codebook = file.read(state["vqvae.vq_vae._embedding.weight"])
        if not torch.equal(table[:-1], codebook) or table[-1].any():
            raise RecoverError(
                ErrorCode.BAD_INPUT,
                f"The checkpoint {source} is inconsistent: its input codes are not its codebook.",
                "Download it again.",
            )
        entries = [Entry(k, v.dtype, v.shape, lambda v=v: file.read(v)) for k, v in state.items()]
        entries += [entry(_MEAN, statistics.mean.reshape(9)), entry(_STD, statistics.std.reshape(9))]
        provenance = {"source_sha256": sha256_of(source), "trajectory_statistics": origin}
        write_weights(target, entries, config, provenance)


def read_released_tokenizer(source: Path, config: MoroConfig = RESEARCH) -> MeshTokenizer:
    """The authors' tokenizer alone, from its own Lightning file (`tokenizer.ckpt`); connections still to be set.

    Raises:
        RecoverError: the checkpoint is damaged, or does not fit.
    """
    with torch.device("meta"):
        tokenizer = MeshTokenizer(config.tokenizer)
    with TorchFile(source) as file:
        state = {k.removeprefix(_TOKENIZER_PREFIX): v for k, v in _state_dict(file.contents, source).items()}
        check_keys({k: v.shape for k, v in state.items()}, expected_shapes(tokenizer), source)
        tokenizer.load_state_dict({k: file.read(v) for k, v in state.items()}, assign=True)
    return tokenizer.eval()


def read_released_backbone(source: Path, config: MoroConfig = RESEARCH) -> VisionTransformer:
    """The image backbone that training starts from, out of the Lightning file of 4D-Humans' HMR2 (keys `backbone.*`).

    Raises:
        RecoverError: the checkpoint is damaged, or does not fit.
    """
    with torch.device("meta"):
        backbone = VisionTransformer(config.backbone)
    with TorchFile(source) as file:
        contents = _state_dict(file.contents, source).items()
        state = {k.removeprefix(_BACKBONE_PREFIX): v for k, v in contents if k.startswith(_BACKBONE_PREFIX)}
        check_keys({k: v.shape for k, v in state.items()}, expected_shapes(backbone), source)
        backbone.load_state_dict({k: file.read(v) for k, v in state.items()}, assign=True)
    return backbone


def sha256_of(path: Path) -> str:
    """Checksum of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_network(
    model: Moro, target: Path, connections: Connections, provenance: dict[str, str], dtype: torch.dtype = torch.float32
) -> None:
    """Write a network that we trained, with its connections, in `dtype`.

    Raises:
        RecoverError: the target cannot be written.
    """
    entries = [
        entry(key, value.detach().cpu().to(dtype if value.is_floating_point() else value.dtype))
        for key, value in model.state_dict().items()
    ]
    entries += [entry(_MEAN, model.trajectory_mean.cpu()), entry(_STD, model.trajectory_std.cpu())]
    entries += [
        entry(_CONNECTIONS + name, torch.from_numpy(table.astype(np.int32)))
        for name, table in connections_to_tables(connections).items()
    ]
    write_weights(target, entries, model.config, provenance)


def network_from(file: WeightsFile, source: Path, connections: Connections | None = None) -> Moro:
    """Build the network of a weights file.

    Args:
        file: its contents.
        source: its path, for messages.
        connections: of the mesh; None: the file's own.

    Returns:
        The network in float32 and evaluation mode, on the device that the file was read to.

    Raises:
        RecoverError: weights do not fit, are not finite, or connections are missing.
    """
    stored = {k: v for k, v in file.tensors.items() if k.startswith(_CONNECTIONS)}
    tables = {k.removeprefix(_CONNECTIONS): v.cpu().numpy() for k, v in stored.items()}
    if connections is None:
        if not tables:
            raise RecoverError(
                ErrorCode.MISSING_PART,
                f"The weights {source} need the connection files of their mesh, which do not come with them.",
                "Put the released connection files beside the weights (see docs/moro.md).",
            )
        connections = connections_from_tables(tables, source, file.config.tokenizer)
    weights = {k: v for k, v in file.tensors.items() if k not in stored and k not in (_MEAN, _STD)}
    model = empty_network(file.config)
    check_keys({k: tuple(v.shape) for k, v in weights.items()}, expected_shapes(model), source)
    _check_finite(file.tensors.items(), source)
    model.load_state_dict({k: v.float() for k, v in weights.items()}, assign=True)
    model.requires_grad_(False)
    model.set_connections(connections)
    model.set_statistics(TrajectoryStatistics(file.tensors[_MEAN], file.tensors[_STD]))
    return model.eval()


def _check_finite(tensors: Iterable[tuple[str, Tensor]], source: Path) -> None:
    for key, value in tensors:
        if value.is_floating_point() and not torch.isfinite(value.sum(dtype=torch.float32)):
            raise RecoverError(
                ErrorCode.BAD_INPUT,
                f"The weights {source} hold numbers that are not finite, in {key}.",
                "Restore the file, or convert the checkpoint again.",
            )


def load_network(path: Path, connections: Connections | None = None, device: str = "cpu") -> Moro:
    """Read a weights file and build its network; see `network_from`."""
    return network_from(read_weights(path, device), path, connections)
