"""The decoder without the work that does not change between decoding steps, or that nobody reads.

Evidence and the coarse camera token are the same in every step, so their share of the first layer is kept. Of the last
layer only the pose, canonical and camera tokens are read, so evidence serves there as keys and values alone. Tokens are
ordered `pose | canonical | camera | evidence`: what changes comes first, and so does what is read; attention over the
tokens of a frame does not see their order. The result equals `DstFormer.decode` up to rounding.
"""

import torch
from torch import Tensor
from torch.nn import functional

from ..layers.attention import TOKENS_AT_ONCE
from ..layers.dual_stream import DualBlock
from ..layers.precision import mixed_precision
from .dst_former import Decoded, DstFormer, InitialEstimate


class PartialDecoder:
    """Holds what stays the same for one clip.

    Args:
        network: the transformers.
        image: `[B,T,K,C]`, evidence features.
        camera: `[B,T,1,C]`, embedded coarse trajectory.
        cache_bytes: memory that kept projections may take; beyond it they are computed again in each step.
        guess: as for `DstFormer.decode`.
    """

    def __init__(
        self, network: DstFormer, image: Tensor, camera: Tensor, cache_bytes: int, guess: InitialEstimate | None = None
    ) -> None:
        self.network, self.guess = network, guess
        self.tokens = network.config.tokenizer.tokens
        position = network.d_pos_enc[:, :, self.tokens :]
        self.static = torch.cat((camera + position[:, :, 2:3], image + position[:, :, 0:1]), 2)
        st, ts = network.d_transformer.blocks_st[0], network.d_transformer.blocks_ts[0]
        self.projected: tuple[Tensor | None, Tensor | None] = (None, None)
        with mixed_precision(image, network.compute_dtype):
            self.static_after_time = ts.temporal(self.static)
            if 6 * self.static.numel() * network.compute_dtype.itemsize <= cache_bytes:
                self.projected = (self._project(st, self.static), self._project(ts, self.static_after_time))

    @staticmethod
    def _project(block: DualBlock, x: Tensor) -> Tensor:
        parts = x.flatten(0, 1).split(max(1, TOKENS_AT_ONCE // x.shape[2]))
        return torch.cat([block.attn_s.qkv(block.norm1_s(part)) for part in parts])

    def __call__(self, pose: Tensor, canonical: Tensor) -> Decoded:
        """Decode `[B,T,P,C]` pose and `[B,T,1,C]` canonical trajectory features against the clip's evidence."""
        position = self.network.d_pos_enc
        changing = torch.cat((pose + position[:, :, : self.tokens], canonical + position[:, :, -2:-1]), 2)
        x = torch.cat((changing, self.static), 2)
        transformer = self.network.d_transformer
        last = len(transformer.ts_attn) - 1
        with mixed_precision(x, self.network.compute_dtype):
            for layer, (st, ts) in enumerate(zip(transformer.blocks_st, transformer.blocks_ts, strict=True)):
                read = self.tokens + 2 if layer == last else x.shape[2]
                if layer == 0:
                    x_time = torch.cat((ts.temporal(changing), self.static_after_time), 2)
                    kept_st, kept_ts = self.projected
                else:
                    x_time, kept_st, kept_ts = ts.temporal(x), None, None
                x_ts = _spatial(ts, x_time, read, kept_ts)
                del x_time
                x_st = st.temporal(_spatial(st, x, read, kept_st))
                x = transformer.fuse(layer, x_st, x_ts)
        pose, canonical, camera = x[:, :, : self.tokens], x[:, :, self.tokens], x[:, :, self.tokens + 1]
        return self.network.decoder_heads(pose, canonical, camera, self.guess)


def _spatial(block: DualBlock, x: Tensor, read: int, projected: Tensor | None) -> Tensor:
    """The spatial half of a block, for the first `read` of the tokens `[B,T,J,C]`: `[B,T,read,C]`.

    `projected [B*T,S,3C]` are the queries, keys and values of the last S tokens, where they are known.
    """
    rows = x.flatten(0, 1)
    out = rows.new_empty(len(rows), read, rows.shape[2])
    at_once = max(1, TOKENS_AT_ONCE // x.shape[2])
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        kept = None if projected is None else projected[start : start + at_once]
        y = part[:, :read] + block.attn_s.attend(*_queries_keys_values(block, part, read, kept))
        out[start : start + at_once] = y + block.mlp_s(block.norm2_s(y))
    return out.unflatten(0, x.shape[:2])


def _queries_keys_values(block: DualBlock, x: Tensor, read: int, projected: Tensor | None) -> list[Tensor]:
    attention = block.attn_s
    if projected is not None:
        changing = attention.qkv(block.norm1_s(x[:, : -projected.shape[1]]))
        q, k, v = attention.heads_first(torch.cat((changing, projected), 1))
        return [q[..., :read, :], k, v]
    x = block.norm1_s(x)
    q, k, v = attention.heads_first(attention.qkv(x[:, :read]))
    if read == x.shape[1]:
        return [q, k, v]
    width = x.shape[2]
    rest = functional.linear(x[:, read:], attention.qkv.weight[width:], attention.qkv.bias[width:])
    more_k, more_v = attention.heads_first(rest)
    return [q, torch.cat((k, more_k), -2), torch.cat((v, more_v), -2)]
