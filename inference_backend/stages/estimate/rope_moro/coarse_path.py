"""Two guesses of a person's path as one: the mean of both, weighted by how calmly each runs."""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

_REACH: Final = 15
_FLOOR: Final = (0.005, 0.005, 0.02)
"""Least standard deviation of the ray (x/z, y/z) and of the logarithm of the depth."""
_OUTLIER: Final = 4.0
_NONE: Final = 1e-9
_NEAREST_M: Final = 0.1


def mean_path(own: Tensor, other: Tensor) -> Tensor:
    """Inverse-variance mean of two paths, along the ray and in the logarithm of the depth.

    Frames in which a path lies more than four standard deviations from its own running median count as outliers: they
    have no weight where the other path is good.

    Args:
        own: `[T,3]`, camera frame, metres.
        other: `[T,3]`; frames that are not finite have no say.
    """
    known = other.isfinite().all(1)
    if not known.any():
        return own
    views = [_view(own), _view(torch.where(known[:, None], other, own))]
    weights = [precision(view) for view in views]
    weights[1] = torch.where(known[:, None], weights[1], 0.0)
    mean = (weights[0] * views[0] + weights[1] * views[1]) / (weights[0] + weights[1])
    depth = mean[:, 2:].exp()
    return torch.cat((mean[:, :2] * depth, depth), 1)


def _view(path: Tensor) -> Tensor:
    depth = path[:, 2:].clamp_min(_NEAREST_M)
    return torch.cat((path[:, :2] / depth, depth.log()), 1)


def precision(view: Tensor) -> Tensor:
    """1 / variance of each number of `[T,3]`, from how it scatters about its running median over one second."""
    padded = functional.pad(view.T[None], (_REACH, _REACH), mode="replicate")[0].unfold(1, 2 * _REACH + 1, 1)
    median = padded.median(-1).values
    spread = 1.4826 * (padded - median[..., None]).abs().median(-1).values
    sigma = torch.hypot(spread.T, torch.tensor(_FLOOR).to(view))
    outlier = ((view - median.T).abs() > _OUTLIER * sigma).any(1, keepdim=True)
    return torch.where(outlier, _NONE, 1 / sigma.square())
