"""Rotary position codes on adjacent channel pairs (Su et al., RoFormer, 2021)."""

import torch
from torch import Tensor

_BASE = 10000.0


def rotary_angles(n_frames: int, channels: int, device: torch.device) -> Tensor:
    """Angles `[n_frames, channels/2]`, radians: frame index times `10000^(-2k/channels)`."""
    frequency = _BASE ** (-torch.arange(0, channels, 2, device=device, dtype=torch.float32) / channels)
    return torch.arange(n_frames, device=device, dtype=torch.float32)[:, None] * frequency


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn each adjacent channel pair of `x [...,T,d]` by its angle `[T,d/2]`; float32 inside, dtype kept."""
    even, odd = x.unflatten(-1, (-1, 2)).float().unbind(-1)
    cos, sin = angles.cos(), angles.sin()
    return torch.stack((even * cos - odd * sin, odd * cos + even * sin), -1).flatten(-2).to(x.dtype)
