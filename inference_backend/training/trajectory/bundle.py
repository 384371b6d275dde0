"""Make the bundled weights: `python -m inference_backend.training.trajectory.bundle TRAINED --out FILE`.

Copies what a training left (half precision already) and writes a model card beside it. Refuses what would not be loaded
again, or is too large to be bundled.
"""

import sys
from pathlib import Path
from typing import Final

from ...models.trajectory.weights_file import load_weights, save_weights
from ...protocol.errors import ErrorCode, RecoverError
from ..model_card import bundle_command, check_size, write_card

LARGEST_MB: Final = 5.0
_KEPT: Final = ("body_sha256", "steps", "minutes", "device", "data", "acknowledgement", "licence")
_CARD: Final = """# {name}

The trajectory denoiser (TrajDenoiser of RopeTP): the pelvis' path through the world from what the body does.

| | |
|---|---|
| file | `{name}`, {size:.1f} MB, float16, safetensors |
| SHA-256 | `{sha256}` |
| body | trained on `SMPLX_OPEN`, SHA-256 `{body_sha256}`; it is told joints, so other bodies will do |
| network | {layers} layers of width {dim}, {parameters:.2f} million parameters; 120 frames at 30 a second |
| training | {steps} steps, {minutes} minutes on {device} |
| data | {data} |
| licence | {licence}; commercial use allowed |

{notes}
{acknowledgement}
"""


def bundle(source: Path, target: Path, notes: str = "") -> Path:
    """Write the bundle and its card (the same name, `.md`).

    Args:
        source: weights that a training wrote.
        target: file to write.
        notes: further text of the card, e.g. scores.

    Returns:
        The card's path.

    Raises:
        RecoverError: the weights cannot be used, or are too large.
    """
    loaded = load_weights(source)
    config = loaded.network.config
    if config.condition_of != "joints":
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The weights {source} were trained on rotations, for comparison only.",
            "Train with --condition joints.",
        )
    kept = {key: loaded.metadata.get(key, "unknown") for key in _KEPT}
    save_weights(target, loaded.network, loaded.scale, kept)
    size = check_size(target, LARGEST_MB)
    values = dict(
        size=size,
        layers=config.layers,
        dim=config.dim,
        parameters=sum(p.numel() for p in loaded.network.parameters()) / 1e6,
        **kept,
    )
    return write_card(target, _CARD, notes, values)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    return bundle_command("inference_backend.training.trajectory.bundle", __doc__, bundle, argv)


if __name__ == "__main__":
    sys.exit(main())
