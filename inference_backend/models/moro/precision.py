"""Mixed precision: transformers multiply in bfloat16, their residual stream, norms, heads and tokens stay float32."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn


def mixed_precision(x: Tensor, dtype: torch.dtype) -> AbstractContextManager:
    """Context for a transformer that works on `x`; leaves an enclosing autocast alone when dtype is float32."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(x.device.type, dtype)


def cast_products(module: nn.Module, dtype: torch.dtype) -> None:
    """Store the weights of linear layers (and convolutions) in `dtype`, so that autocast need not cast them again."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            part.to(dtype)
        elif isinstance(part, nn.MultiheadAttention):
            part.in_proj_weight.data = part.in_proj_weight.data.to(dtype)
            part.in_proj_bias.data = part.in_proj_bias.data.to(dtype)
