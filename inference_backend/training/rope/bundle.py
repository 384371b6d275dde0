"""Make Rope's bundled weights: `python -m inference_backend.training.rope.bundle TRAINED --out FILE`.

Half precision, with the body's checksum and where it comes from; beside it a model card. Refuses what would not be
loaded again or is too large to be bundled.
"""

import sys
from pathlib import Path
from typing import Final

import torch

from ...models.rope.weights_file import load_rope, save_rope
from ..model_card import bundle_command, check_size, write_card

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
    size = check_size(target, LARGEST_MB)
    load_rope(target)
    height, width = model.config.map_hw
    values = dict(
        size=size,
        parameters=sum(p.numel() for p in model.parameters()) / 1e6,
        map_h=height,
        map_w=width,
        **{key: kept.get(key, "unknown") for key in _KEPT},
    )
    return write_card(target, _CARD, notes, values)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    return bundle_command("inference_backend.training.rope.bundle", __doc__, bundle, argv)


if __name__ == "__main__":
    sys.exit(main())
