"""Sizes of the trajectory denoiser."""

import json
from dataclasses import asdict, dataclass
from typing import Final

JOINTS: Final = 24
"""Joints of the condition: the 22 body joints and the two hands."""
CONDITIONS: Final = {"joints": 3, "rotations": 6}
"""What the network may be told of each joint, and how many numbers that is: its place, or its rotation (6D)."""


@dataclass(frozen=True)
class TrajectoryConfig:
    """A network's size.

    Attributes:
        dim: width of a frame's token.
        layers: transformer layers; even with long skips.
        heads: of the attention.
        ffn: width of the feed-forward layers.
        condition: width of the joints' code; the noisy path's code takes the rest of `dim`.
        dropout: in training.
        skip: `unet` (long skips: layer 6 + k reads layer 5 - k) or `plain`.
        train_steps: T of the diffusion.
        condition_of: which of `CONDITIONS` it is told; `rotations` is for comparison.
        rates: tell it also how the condition changes, and sum its horizontal path up from velocities. Not in the paper;
            such a network learns from far fewer windows, and its paths are smooth.
        feet: begin from the path that the lowest feet tell, so that only what is wrong with it has to be learned. Not
            in the paper either; needs joints and rates.
    """

    dim: int = 512
    layers: int = 12
    heads: int = 8
    ffn: int = 1024
    condition: int = 256
    dropout: float = 0.1
    skip: str = "unet"
    train_steps: int = 1000
    condition_of: str = "joints"
    rates: bool = False
    feet: bool = False

    def __post_init__(self) -> None:
        """Raise `ValueError` for sizes that do not fit together."""
        if self.skip not in ("unet", "plain") or (self.skip == "unet" and self.layers % 2):
            raise ValueError("skip is 'unet', with an even number of layers, or 'plain'.")
        if self.dim % self.heads or not 0 < self.condition < self.dim:
            raise ValueError("heads must divide dim, and condition be smaller than dim.")
        if self.condition_of not in CONDITIONS:
            raise ValueError(f"condition_of is one of: {', '.join(CONDITIONS)}.")
        if self.feet and not (self.rates and self.condition_of == "joints"):
            raise ValueError("feet needs rates, and joints as the condition.")

    @property
    def condition_numbers(self) -> int:
        """Numbers of a frame's condition."""
        return JOINTS * CONDITIONS[self.condition_of]

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "TrajectoryConfig":
        """Inverse of `to_json`; raises `TypeError` or `ValueError` for what is none."""
        return cls(**json.loads(text))


PAPER: Final = TrajectoryConfig()
"""The paper's width, 29 million parameters: for a GPU and 100 steps."""
CPU: Final = TrajectoryConfig(dim=64, layers=4, heads=4, ffn=128, condition=32, dropout=0.0, rates=True, feet=True)
"""0.2 million parameters: for two cores of a CPU and 20 steps, and small enough to be trained there."""
