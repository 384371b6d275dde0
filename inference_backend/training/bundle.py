"""Make the bundled weights of a trained network: `python -m inference_backend.training.bundle TRAINED --out FILE`.

Half precision, with the connections, the body's checksum and where it comes from; beside it a model card. Refuses what
would not be loaded again or is too large to be bundled.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import torch

from ..models.moro.checkpoint import load_network, save_network, sha256_of
from ..models.moro.connections import connections_from_tables
from ..models.moro.weights_file import read_weights
from ..protocol.errors import ErrorCode, RecoverError

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
    size = target.stat().st_size / 1e6
    if size > LARGEST_MB:
        target.unlink()
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The weights take {size:.1f} MB; at most {LARGEST_MB:.0f} MB are bundled.",
            "Train a smaller size (inference_backend/training/sizes.py).",
        )
    load_network(target)
    card = target.with_suffix(".md")
    values = {key: kept.get(key, "unknown") for key in _KEPT}
    text = _CARD.format(
        name=target.name,
        size=size,
        sha256=sha256_of(target),
        parameters=sum(p.numel() for p in model.parameters()) / 1e6,
        tokens=model.config.tokenizer.tokens,
        codes=model.config.tokenizer.codes,
        notes=notes and notes.strip() + "\n",
        **values,
    )
    card.write_text(text, encoding="utf-8")
    return card


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m inference_backend.training.bundle", description=__doc__)
    parser.add_argument("trained", type=Path, help="weights that a training stage wrote")
    parser.add_argument("--out", type=Path, required=True, help="e.g. inference_backend/weights/moro_open.safetensors")
    parser.add_argument("--notes", type=Path, help="text file whose contents go into the model card")
    arguments = parser.parse_args(argv)
    try:
        notes = arguments.notes.read_text(encoding="utf-8") if arguments.notes else ""
        print(f"Wrote {arguments.out} and {bundle(arguments.trained, arguments.out, notes)}.")
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
