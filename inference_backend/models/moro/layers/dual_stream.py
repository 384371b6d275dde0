"""The dual-stream spatio-temporal transformer (DSTFormer; Zhu et al., MotionBERT, ICCV 2023) as MoRo uses it.

Each layer sends the same input through a spatial-then-temporal and a temporal-then-spatial block and fuses the two
outputs with weights learned for each token. The plain forward pass is here; the one that decoding uses, which leaves
out what does not change, is in `motion.partial_decoder`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import TOKENS_AT_ONCE, Attention, Mlp, TemporalAttention
from .precision import full_precision


class DualBlock(nn.Module):
    """One stream's block: pre-norm spatial (`_s`) and temporal (`_t`) halves; the caller decides their order."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, reach: int) -> None:
        super().__init__()
        self.norm1_s, self.norm1_t = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm2_s, self.norm2_t = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn_s = Attention(width, heads)
        self.attn_t = TemporalAttention(width, heads, reach)
        self.mlp_s = Mlp(width, mlp_ratio * width)
        self.mlp_t = Mlp(width, mlp_ratio * width)

    def spatial(self, x: Tensor, plain: bool = False) -> Tensor:
        """Tokens `[B,T,J,C]` of each frame exchange information; `plain`: all frames in one go."""
        if plain or torch.is_grad_enabled():
            return self._spatial(x)
        out = torch.empty_like(x)
        at_once = max(1, TOKENS_AT_ONCE // x.shape[2])
        for part, target in zip(x.flatten(0, 1).split(at_once), out.flatten(0, 1).split(at_once), strict=True):
            target.copy_(self._spatial(part))
        return out

    def temporal(self, x: Tensor, plain: bool = False) -> Tensor:
        """Each token slot of `[B,T,J,C]` exchanges information over time; `plain`: one go, whole T x T mask."""
        if plain or torch.is_grad_enabled():
            return self._temporal(x, plain)
        out = torch.empty_like(x)
        at_once = max(1, TOKENS_AT_ONCE // (x.shape[0] * x.shape[1]))
        for part, target in zip(x.split(at_once, 2), out.split(at_once, 2), strict=True):
            target.copy_(self._temporal(part, False))
        return out

    def _spatial(self, x: Tensor) -> Tensor:
        x = x + self.attn_s(self.norm1_s(x))
        return x + self.mlp_s(self.norm2_s(x))

    def _temporal(self, x: Tensor, plain: bool) -> Tensor:
        x = x + self.attn_t(self.norm1_t(x), dense=plain)
        return x + self.mlp_t(self.norm2_t(x))


class DSTFormer(nn.Module):
    """Layers of two streams with learned fusion; no norm at the end."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, depth: int, reach: int) -> None:
        super().__init__()
        self.blocks_st = nn.ModuleList(DualBlock(width, heads, mlp_ratio, reach) for _ in range(depth))
        self.blocks_ts = nn.ModuleList(DualBlock(width, heads, mlp_ratio, reach) for _ in range(depth))
        self.ts_attn = nn.ModuleList(nn.Linear(2 * width, 2) for _ in range(depth))

    def fuse(self, layer: int, x_st: Tensor, x_ts: Tensor) -> Tensor:
        """Weighted sum of the two streams `[...,C]`, softmax weights from both, without joining them in memory."""
        with full_precision(x_st):
            to_st, to_ts = self.ts_attn[layer].weight.chunk(2, 1)
            logits = functional.linear(x_st, to_st, self.ts_attn[layer].bias) + functional.linear(x_ts, to_ts)
            return torch.lerp(x_st, x_ts, torch.sigmoid(logits[..., 1:] - logits[..., :1]))

    def _fuse_plain(self, layer: int, x_st: Tensor, x_ts: Tensor) -> Tensor:
        weight = self.ts_attn[layer](torch.cat((x_st, x_ts), -1)).softmax(-1)
        return weight[..., :1] * x_st + weight[..., 1:] * x_ts

    def forward(self, x: Tensor, plain: bool = False) -> Tensor:
        """`[B,T,J,C]` to `[B,T,J,C]`; `plain`: the method as written down, without any saving."""
        fuse = self._fuse_plain if plain else self.fuse
        for layer, (st, ts) in enumerate(zip(self.blocks_st, self.blocks_ts, strict=True)):
            x_st = st.temporal(st.spatial(x, plain), plain)
            x_ts = ts.spatial(ts.temporal(x, plain), plain)
            x = fuse(layer, x_st, x_ts)
        return x
