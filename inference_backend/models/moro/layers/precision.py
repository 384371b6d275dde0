"""Mixed precision: products inside transformers are rounded to 16 bits, their residual stream, norms, heads and tokens
stay float32. So do the weights that fuse two streams: their rounding would reach the whole stream, not what is added.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn


def mixed_precision(x: Tensor, dtype: torch.dtype) -> AbstractContextManager:
    """Context for a transformer that works on `x`; leaves an enclosing autocast alone when dtype is float32."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(x.device.type, dtype)


def full_precision(x: Tensor) -> AbstractContextManager:
    """Context for work on `x` that must not be rounded."""
    return torch.autocast(x.device.type, enabled=False)


def cast_products(module: nn.Module, dtype: torch.dtype) -> None:
    """Store the weights of linear layers (and convolutions) in `dtype`, so that autocast need not cast them again."""
    for name, part in module.named_modules():
        if "ts_attn" in name.split("."):
            continue
        if isinstance(part, nn.Linear | nn.Conv2d):
            part.to(dtype)
        elif isinstance(part, nn.MultiheadAttention):
            part.in_proj_weight.data = part.in_proj_weight.data.to(dtype)
            part.in_proj_bias.data = part.in_proj_bias.data.to(dtype)
