"""Sizes of the trajectory denoiser."""

import json
from dataclasses import asdict, dataclass
from typing import Final

JOINTS: Final = 24
"""Joints of the condition: the 22 body joints and the two hands."""


@dataclass(frozen=True)
class TrajectoryConfig:
    """A network's size (RopeTP specification, section 5.2).

    Attributes:
        dim: width of a frame's token.
        layers: transformer layers; even with long skips.
        heads: of the attention.
        ffn: width of the feed-forward layers.
        condition: width of the joints' code; the noisy path's code takes the rest of `dim`.
        dropout: in training.
        skip: `unet` (long skips: layer 6 + k reads layer 5 - k) or `plain`.
        train_steps: T of the diffusion.
    """

    dim: int = 512
    layers: int = 12
    heads: int = 8
    ffn: int = 1024
    condition: int = 256
    dropout: float = 0.1
    skip: str = "unet"
    train_steps: int = 1000

    def __post_init__(self) -> None:
        """Raise `ValueError` for sizes that do not fit together."""
        if self.skip not in ("unet", "plain") or (self.skip == "unet" and self.layers % 2):
            raise ValueError("skip is 'unet', with an even number of layers, or 'plain'.")
        if self.dim % self.heads or not 0 < self.condition < self.dim:
            raise ValueError("heads must divide dim, and condition be smaller than dim.")

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "TrajectoryConfig":
        """Inverse of `to_json`; raises `TypeError` or `ValueError` for what is none."""
        return cls(**json.loads(text))


PAPER: Final = TrajectoryConfig()
"""The paper's width, 29 million parameters: for a GPU and 100 steps."""
CPU: Final = TrajectoryConfig(dim=128, ffn=256, condition=64)
"""1.9 million parameters: for two cores of a CPU and 20 steps."""
