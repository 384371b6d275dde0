"""Make the bundled weights of a trained network: `python -m inference_backend.training.bundle TRAINED --out FILE`.

Half precision, with the connections, the body's checksum and where it comes from; beside it a model card. Refuses what
would not be loaded again or is too large to be bundled.
"""

import sys
from pathlib import Path
from typing import Final

import torch

from ..models.moro.files.checkpoint import load_network, save_network
from ..models.moro.files.weights_file import read_weights
from ..models.moro.tokenizer.connections import connections_from_tables
from .model_card import bundle_command, check_size, write_card

LARGEST_MB: Final = 10.0
_KEPT: Final = ("body_sha256", "stage", "steps", "minutes", "device", "data", "acknowledgement", "licence")
_CARD: Final = """# {name}

The open configuration of MoRo: BlazePose landmarks to tokens of the open body's mesh, by masked modelling over time.

| | |
|---|---|
| file | `{name}`, {size:.1f} MB, float16, safetensors |
| SHA-256 | `{sha256}` |
| body | `SMPLX_OPEN`, SHA-256 `{body_sha256}` |
| parameters | {parameters:.2f} million; {tokens} tokens a frame, {codes} codes |
| last stage | {stage}, {steps} steps, {minutes} minutes on {device} |
| data | {data} |
| licence | {licence}; commercial use allowed |

{notes}
{acknowledgement}
"""


def bundle(source: Path, target: Path, notes: str = "") -> Path:
    """Write the bundle and its card (the same name, `.md`).

    Args:
        source: weights that a training stage wrote.
        target: file to write.
        notes: further text of the card, e.g. scores.

    Returns:
        The card's path.

    Raises:
        RecoverError: the weights cannot be used, or are too large.
    """
    file = read_weights(source)
    tables = {
        k.removeprefix("connections."): v.numpy() for k, v in file.tensors.items() if k.startswith("connections.")
    }
    connections = connections_from_tables(tables, source, file.config.tokenizer)
    model = load_network(source)
    kept = {key: file.metadata[key] for key in _KEPT if key in file.metadata}
    save_network(model, target, connections, kept, torch.float16)
    size = check_size(target, LARGEST_MB)
    load_network(target)
    values = dict(
        size=size,
        parameters=sum(p.numel() for p in model.parameters()) / 1e6,
        tokens=model.config.tokenizer.tokens,
        codes=model.config.tokenizer.codes,
        **{key: kept.get(key, "unknown") for key in _KEPT},
    )
    return write_card(target, _CARD, notes, values)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    return bundle_command("inference_backend.training.bundle", __doc__, bundle, argv)


if __name__ == "__main__":
    sys.exit(main())
