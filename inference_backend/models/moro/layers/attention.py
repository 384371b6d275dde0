"""Self-attention over the tokens of a frame, and over the frames of a token slot."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .rotary import rotary_angles, rotate

TOKENS_AT_ONCE = 16384
"""Tokens that a sub-layer takes at once outside training: bounds memory, and on a CPU keeps work in its caches."""

_QUERY_BLOCK = 128
"""Frames that one call of the banded temporal attention answers; its keys reach `attention_reach` further."""


class Attention(nn.Module):
    """Multi-head attention with a fused projection whose rows are ordered q, k, v / head / channel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def heads_first(self, qkv: Tensor) -> list[Tensor]:
        """Projections `[...,J,3C]` (or `2C`, ...) to that many tensors `[...,H,J,d]`."""
        parts = qkv.unflatten(-1, (-1, self.heads, self.proj.in_features // self.heads))  # [...,J,3,H,d]
        return [part.transpose(-3, -2) for part in parts.unbind(-3)]

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Heads `[...,H,J,d]` to the projected result `[...,J,C]`."""
        lead = q.shape[:-3]
        q, k, v = (x.flatten(0, -4) if len(lead) > 1 else x for x in (q, k, v))
        out = functional.scaled_dot_product_attention(q, k, v).transpose(-3, -2).flatten(-2)
        return self.proj(out.unflatten(0, lead) if len(lead) > 1 else out)

    def forward(self, x: Tensor) -> Tensor:
        """Every token of `x [...,J,C]` attends to all J."""
        return self.attend(*self.heads_first(self.qkv(x)))


class TemporalAttention(Attention):
    """Each token slot attends to itself over time: RoPE (Su et al., 2021), frames i - reach .. i + reach."""

    def __init__(self, width: int, heads: int, reach: int) -> None:
        super().__init__(width, heads)
        self.reach = reach

    def forward(self, x: Tensor, dense: bool = False) -> Tensor:
        """Attend over time.

        Args:
            x: `[B,T,J,C]`.
            dense: form the whole `T x T` mask instead of the band.

        Returns:
            `[B,T,J,C]`.
        """
        n_frames = x.shape[1]
        parts = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # [B,T,J,3,H,d]
        q, k, v = parts.permute(3, 0, 2, 4, 1, 5).flatten(1, 2)  # each [B*J,H,T,d]
        angles = rotary_angles(n_frames, q.shape[-1], q.device)
        q, k = rotate(q, angles), rotate(k, angles)
        out = self._dense(q, k, v) if dense else self._banded(q, k, v)
        out = out.unflatten(0, (x.shape[0], -1)).permute(0, 3, 1, 2, 4).flatten(-2)
        return self.proj(out)

    def _dense(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        frame = torch.arange(q.shape[2], device=q.device)
        mask = (frame[:, None] - frame).abs() <= self.reach
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    def _banded(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        n_frames = q.shape[2]
        if n_frames <= self.reach + 1:
            return functional.scaled_dot_product_attention(q, k, v)
        out = torch.empty_like(q)
        for start in range(0, n_frames, _QUERY_BLOCK):
            stop = min(start + _QUERY_BLOCK, n_frames)
            first, last = max(0, start - self.reach), min(n_frames, stop + self.reach)
            mask = _band(stop - start, last - first, start - first, self.reach, q.device)
            out[:, :, start:stop] = functional.scaled_dot_product_attention(
                q[:, :, start:stop], k[:, :, first:last], v[:, :, first:last], attn_mask=mask
            )
        return out


def _band(n_queries: int, n_keys: int, offset: int, reach: int, device: torch.device) -> Tensor:
    """Mask `[n_queries,n_keys]` of keys within reach, where query 0 stands at key `offset`."""
    query = torch.arange(n_queries, device=device)[:, None] + offset
    return (query - torch.arange(n_keys, device=device)).abs() <= reach


class Mlp(nn.Module):
    """Two linear layers with exact GELU between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[...,C]` to `[...,C]`."""
        return self.fc2(functional.gelu(self.fc1(x)))
