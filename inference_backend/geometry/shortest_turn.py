"""The shortest turn from one direction to another."""

import torch
from torch import Tensor
from torch.nn import functional


def shortest_turn(start: Tensor, end: Tensor) -> Tensor:
    """Rotation vectors `[...,3]`, radians, that turn the directions of `start [...,3]` to those of `end [...,3]`; zero
    where one of them has no length."""
    a, b = functional.normalize(start, dim=-1, eps=1e-9), functional.normalize(end, dim=-1, eps=1e-9)
    axis = torch.linalg.cross(a, b)
    sine = axis.norm(dim=-1, keepdim=True)
    angle = torch.atan2(sine, (a * b).sum(-1, keepdim=True))
    return axis / sine.clamp_min(1e-9) * angle
