"""Make Rope's bundled weights: `python -m inference_backend.training.rope.bundle TRAINED --out FILE`.

Half precision, with the body's checksum and where it comes from; beside it a model card. Refuses what would not be
loaded again or is too large to be bundled.
"""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Final

import torch

from ...models.rope.weights_file import load_rope, save_rope
from ...protocol.errors import ErrorCode, RecoverError

LARGEST_MB: Final = 4.0
_KEPT: Final = ("body_sha256", "body_name", "stage", "steps", "minutes", "device", "data", "acknowledgement", "licence")
_CARD: Final = """# {name}

The open configuration of Rope: proxy images (landmark maps, their depth, silhouette) of one person to pose, shape,
camera and visibility, frame by frame.

| | |
|---|---|
| file | `{name}`, {size:.1f} MB, float16, safetensors |
| SHA-256 | `{sha256}` |
| body | `{body_name}`, SHA-256 `{body_sha256}` |
| parameters | {parameters:.2f} million; feature map {map_h} x {map_w} |
| last phase | {stage}, {steps} steps, {minutes} minutes on {device} |
| data | {data} |
| licence | {licence}; commercial use allowed |

{notes}
{acknowledgement}
"""


def bundle(source: Path, target: Path, notes: str = "") -> Path:
    """Write the bundle and its card (the same name, `.md`).

    Args:
        source: weights that a phase of the training wrote.
        target: file to write.
        notes: further text of the card, e.g. scores.

    Returns:
        The card's path.

    Raises:
        RecoverError: the weights cannot be used, or are too large.
    """
    model, metadata = load_rope(source)
    kept = {key: metadata[key] for key in _KEPT if key in metadata}
    save_rope(model, target, kept, torch.float16)
    size = target.stat().st_size / 1e6
    if size > LARGEST_MB:
        target.unlink()
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The weights take {size:.1f} MB; at most {LARGEST_MB:.0f} MB are bundled.",
            "Train a smaller size (inference_backend/training/rope/sizes.py).",
        )
    load_rope(target)
    height, width = model.config.map_hw
    text = _CARD.format(
        name=target.name,
        size=size,
        sha256=hashlib.sha256(target.read_bytes()).hexdigest(),
        parameters=sum(p.numel() for p in model.parameters()) / 1e6,
        map_h=height,
        map_w=width,
        notes=notes and notes.strip() + "\n",
        **{key: kept.get(key, "unknown") for key in _KEPT},
    )
    card = target.with_suffix(".md")
    card.write_text(text, encoding="utf-8")
    return card


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m inference_backend.training.rope.bundle", description=__doc__)
    parser.add_argument("trained", type=Path, help="weights that a phase of the training wrote")
    parser.add_argument("--out", type=Path, required=True, help="e.g. inference_backend/weights/rope_open.safetensors")
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
