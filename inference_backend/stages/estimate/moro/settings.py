"""Settings of the MoRo estimator."""

from dataclasses import dataclass

VERSION = 11
"""Rises with every change that alters results, so that cached results are not taken for current ones."""


@dataclass(frozen=True)
class MoroSettings:
    """Where the weights are, and how to decode.

    Attributes:
        weights: a MoRo weights file (`.safetensors`); None for the bundled open weights.
        connections: the released tokenizer's connection files (a folder, or one `.npz`), for weights that come without
            their own; None looks for `connections` or `connections.npz` beside the weights.
        steps: decoding steps (1, 5, 10, 20); more are slower. None: 5 as in the paper, but 1 where the weights look at
            landmarks, for which more were found to be worse (docs/training.md).
        precision: of the products inside the network: "float32", "float16" or "bfloat16"; "auto" is float16 on CUDA and
            float32 elsewhere. bfloat16 is over twice as fast on processors that have it, but some tokens come out
            differently (docs/moro.md).
        refine: fit the result to the landmarks afterwards (`kinematic.refine`); None: where the weights look at
            landmarks.
        refine_iterations: Gauss-Newton steps of that.
    """

    weights: str | None = None
    connections: str | None = None
    steps: int | None = None
    precision: str = "auto"
    refine: bool | None = None
    refine_iterations: int = 8
