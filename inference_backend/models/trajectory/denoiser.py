"""TrajDenoiser: from a noisy path and what the body does, the path (RopeTP, arXiv 2410.20358)."""

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d

from .canonical import JOINT_SCALE, PATH_MEAN, PATH_STD
from .config import TrajectoryConfig
from .contacts import FOOT_JOINTS

_CHANGE: Final = 10.0
_STEP: Final = 1 / 30
"""What brings a condition's change from frame to frame, and a normalised path's steps, to about one."""
_CLEARANCE: Final = (0.09, 0.09, 0.03, 0.03)
_LOW, _NOBODY, _CALM = 0.01, -4.0, 5
"""Metres: how high foot joints ride while they stand, and how much higher than the lowest one stands less; the odds
that nobody stands, before anything is learned; frames, twice, over which steps are averaged."""


def sinusoid(position: Tensor, dim: int) -> Tensor:
    """Sinusoidal code `[...,dim]` of positions `[...]` (Vaswani et al., NeurIPS 2017, section 3.5)."""
    half = dim // 2
    rate = torch.exp(-math.log(10000.0) * torch.arange(half, device=position.device, dtype=torch.float32) / half)
    angle = position.to(torch.float32)[..., None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Layer(nn.Module):
    """A transformer layer with the norms before attention and feed-forward."""

    def __init__(self, config: TrajectoryConfig) -> None:
        super().__init__()
        dim = config.dim
        self.heads = config.heads
        self.before_attention, self.before_ffn = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.project = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.ffn = nn.Sequential(
            nn.Linear(dim, config.ffn),
            nn.GELU(approximate="tanh"),
            nn.Dropout(config.dropout),
            nn.Linear(config.ffn, dim),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, shown: Tensor | None) -> Tensor:
        """Tokens `[B,S,dim]`; shown: bool `[B,1,1,S]`, tokens to attend to, or None for all."""
        q, k, v = self.qkv(self.before_attention(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        rate = self.dropout.p if self.training else 0.0
        seen = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=shown, dropout_p=rate)
        x = x + self.dropout(self.project(seen.transpose(1, 2).flatten(-2)))
        return x + self.dropout(self.ffn(self.before_ffn(x)))


class TrajDenoiser(nn.Module):
    """Predicts the clean path of the pelvis from a noisy one, the joints about the pelvis, and the noise level.

    Paths and joints are canonical and normalised (`canonical`). Windows of a batch may have different lengths.

    Args:
        config: sizes.
    """

    def __init__(self, config: TrajectoryConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        told = config.condition_numbers * (2 if config.rates else 1)
        self.condition = nn.Sequential(
            nn.Linear(told, dim), nn.GELU(approximate="tanh"), nn.Linear(dim, config.condition)
        )
        self.noisy = nn.Linear(3, dim - config.condition)
        self.join = nn.Linear(dim, dim)
        self.level = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        long = config.layers // 2 if config.skip == "unet" else 0
        self.skips = nn.ModuleList(nn.Linear(2 * dim, dim) for _ in range(long))
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, 3)
        if config.rates:  # else training begins with bodies that fly about
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)
        if config.feet:
            self.stance = nn.Linear(dim, len(FOOT_JOINTS) + 1)
            nn.init.zeros_(self.stance.weight)
            nn.init.zeros_(self.stance.bias)

    def encode(self, joints: Tensor) -> Tensor:
        """The condition's code `[B,N,condition]` for joints `[B,N,24,3]`: the same at every step of the sampling.

        A network that is told rotations takes `[B,N,24,6]`.
        """
        told = joints.flatten(-2)
        if self.config.rates:
            change = torch.diff(told, dim=1, prepend=told[:, :1])
            told = torch.cat([told, _CHANGE * change], dim=-1)
        return self.condition(told)

    def forward(
        self, noisy: Tensor, step: Tensor, joints: Tensor, mask: Tensor | None = None, code: Tensor | None = None
    ) -> Tensor:
        """Estimate the clean path.

        Args:
            noisy: `[B,N,3]`.
            step: `[B]`, noise level, 0 .. T-1.
            joints: `[B,N,24,3]`.
            mask: bool `[B,N]`, True where a window has a frame; None: everywhere.
            code: what `encode` gave for these joints, to save the work.

        Returns:
            `[B,N,3]`.
        """
        dim = self.config.dim
        code = self.encode(joints) if code is None else code
        x = self.join(torch.cat([code, self.noisy(noisy)], dim=-1))
        x = x + sinusoid(torch.arange(noisy.shape[1], device=noisy.device), dim).to(x.dtype)
        level = self.level(sinusoid(step, dim).to(x.dtype))
        x = torch.cat([level[:, None], x], dim=1)
        shown = None
        if mask is not None:
            shown = torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)[:, None, None]
        kept: list[Tensor] = []
        half = len(self.skips)
        for i, layer in enumerate(self.layers):
            if half and i >= half:
                x = self.skips[i - half](torch.cat([x, kept.pop()], dim=-1))
            x = layer(x, shown)
            if i < half:
                kept.append(x)
        x = self.norm(x[:, 1:])
        out = self.out(x)
        if not self.config.rates:
            return out
        # Windows begin where x and z are zero; the height is no sum, since it does not drift.
        step, height = _STEP * out[..., [0, 2]], out[..., 1]
        if self.config.feet:
            carried, stood = self._by_feet(joints, self.stance(x))
            step, height = step + carried, height + stood
        walked = torch.cumsum(step, dim=1) - step[:, :1]
        return torch.stack([walked[..., 0], height, walked[..., 1]], dim=-1)

    def _by_feet(self, joints: Tensor, stance: Tensor) -> tuple[Tensor, Tensor]:
        """Steps `[B,N,2]` of the pelvis over the feet that stand, and its height `[B,N]` over the lowest, normalised.

        `stance [B,N,5]` is what the network makes of who stands: added to what heights say; last the odds of nobody.
        """
        feet = joints[:, :, list(FOOT_JOINTS)] * JOINT_SCALE
        low = feet[..., 1] - feet.new_tensor(_CLEARANCE)
        lowest = low.amin(-1, keepdim=True)
        odds = torch.cat([(lowest - low) / _LOW, torch.full_like(lowest, _NOBODY)], dim=-1) + stance
        share = odds.softmax(-1)[..., :-1, None]
        carried = -torch.diff(feet, dim=1, prepend=feet[:, :1])[..., [0, 2]]
        height = (-lowest[..., 0] - PATH_MEAN[1]) / PATH_STD[1]
        step = (share * carried).sum(-2).transpose(1, 2)
        calm = avg_pool1d(avg_pool1d(step, _CALM, 1, _CALM // 2), _CALM, 1, _CALM // 2)
        return calm.transpose(1, 2) / PATH_STD[0], height
