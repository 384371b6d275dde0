"""Settings of the Rope estimator."""

from dataclasses import dataclass

VERSION = 7
"""Rises with every change that alters results, so that cached results are not taken for current ones."""


@dataclass(frozen=True)
class RopeSettings:
    """Where the weights are, and what is done with what the network says of single frames.

    Attributes:
        weights: a Rope weights file (`.safetensors`); None for the bundled open weights.
        smoothing_s: span in seconds over which the motion is smoothed (Savitzky-Golay); 0 for none.
        refine: fit the result to the landmarks afterwards (`kinematic.refine`).
        refine_iterations: Gauss-Newton steps of that.
    """

    weights: str | None = None
    smoothing_s: float = 0.3
    refine: bool = True
    refine_iterations: int = 8
