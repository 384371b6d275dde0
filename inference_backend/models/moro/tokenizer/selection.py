"""Selection of codes that gradients pass through, for losses on decoded meshes (MoRo section 3.6)."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def selection_temperature(progress: float) -> float:
    """Gumbel-softmax temperature: falls from 1 to 0.01 as `progress` in training goes from 0 to 1."""
    return 0.01 + 0.495 * (1 + math.cos(math.pi * progress))


def select_codes(logits: Tensor, codebook: Tensor, temperature: float = 0.5) -> Tensor:
    """Draw codes `[...,D]` by the straight-through Gumbel-softmax (Jang et al., ICLR 2017).

    Args:
        logits: `[...,codes]`.
        codebook: `[codes,D]`.
        temperature: see `selection_temperature`; 0.5 outside training.
    """
    return functional.gumbel_softmax(logits, tau=temperature, hard=True) @ codebook


def expected_codes(logits: Tensor, codebook: Tensor) -> Tensor:
    """Mean code `[...,D]` under the softmax: deterministic, for validation."""
    return torch.softmax(logits, -1) @ codebook
