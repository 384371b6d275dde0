"""The image encoder: evidence tokens and the box token of a frame exchange information; frames stay apart."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..layers.attention import TOKENS_AT_ONCE


class ImageEncoder(nn.Module):
    """Post-norm transformer encoder."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, depth: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, heads, mlp_ratio * width, dropout=0.0, activation=functional.gelu, batch_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)

    def forward(self, x: Tensor, ignore: Tensor | None = None) -> Tensor:
        """Encode frames.

        Args:
            x: `[N,J,C]`.
            ignore: bool `[N,J]`, tokens that nobody may attend to; None: all may be attended to.
        """
        if torch.is_grad_enabled():
            return self._encode(x, ignore)
        out = torch.empty_like(x)
        at_once = max(1, TOKENS_AT_ONCE // x.shape[1])
        for start in range(0, len(x), at_once):
            part = slice(start, start + at_once)
            out[part] = self._encode(x[part], None if ignore is None else ignore[part])
        return out

    def _encode(self, x: Tensor, ignore: Tensor | None) -> Tensor:
        for layer in self.transformer.layers:
            x = layer(x, src_key_padding_mask=ignore)
        return x


def sine_positions(grid: tuple[int, int], width: int, device: torch.device | None = None) -> Tensor:
    """Fixed 2-D position code `[rows*columns,width]`: half the channels for y, half for x (Carion et al., DETR, 2020).

    Positions 1..n are scaled to 2 pi; even channels are sines, odd ones cosines of the same frequency.
    """
    half = width // 2
    exponent = 2 * torch.div(torch.arange(half, device=device), 2, rounding_mode="floor") / half
    frequency = 10000.0**exponent

    def code(n: int) -> Tensor:
        position = torch.arange(1, n + 1, device=device, dtype=torch.float32) / (n + 1e-6) * 2 * math.pi
        angle = position[:, None] / frequency
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), -1).flatten(1)

    rows, columns = grid
    y = code(rows)[:, None].expand(rows, columns, half)
    x = code(columns)[None].expand(rows, columns, half)
    return torch.cat((y, x), -1).flatten(0, 1)
