"""What is known of a body's shape before it is looked at."""

from typing import NamedTuple

import torch
from torch import Tensor

from ....protocol.skeleton import BODY_JOINTS
from .figure import Figure

_HEAD, _ANKLE = BODY_JOINTS.index("head"), BODY_JOINTS.index("left_ankle")


class ShapePrior(NamedTuple):
    """A normal distribution of betas: `mean [B]`, `precision [B,B]`; float64."""

    mean: Tensor
    precision: Tensor


def known_size(figure: Figure, betas: Tensor, size_sigma: float, proportions_sigma: float) -> ShapePrior:
    """About betas `[B]`, of the average or of what a network found: their size, which no landmark tells, is believed
    more than their proportions, which landmarks do tell."""
    reach = figure.rest(betas)[0]
    reach = reach[_HEAD] - reach[_ANKLE]
    taller = reach @ (figure.joints_by_beta[_HEAD] - figure.joints_by_beta[_ANKLE])
    size = torch.outer(taller, taller) / (taller @ taller)
    rest = torch.eye(len(betas), dtype=size.dtype) - size
    return ShapePrior(betas, size / size_sigma**2 + rest / proportions_sigma**2)
