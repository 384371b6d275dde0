"""A path that a body's motion tells."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prior:
    """A path of N frames.

    Attributes:
        path: `[N,3]`, metres, world axes, from any place; y over the floor.
        sigma_v: `[N]`, m/s, how far its velocity is trusted.
        name: `network` or `contacts`.
        windows, seeds: of the network.
    """

    path: NDArray[np.float64]
    sigma_v: NDArray[np.float64]
    name: str
    windows: int
    seeds: int
