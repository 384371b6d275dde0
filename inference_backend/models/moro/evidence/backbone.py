"""The image backbone: a plain vision transformer (ViTPose's ViT-H, Xu et al., NeurIPS 2022) on cut-off crops."""

import torch
from torch import Tensor, nn

from ..config import BackboneConfig
from ..layers.attention import Attention, Mlp

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_NORM_EPS = 1e-6


def normalise_crops(crops: Tensor) -> Tensor:
    """RGB crops uint8 `[N,S,S,3]` to float32 `[N,3,S,S]` with ImageNet's mean and deviation.

    In double precision where the device has it, as the released backbone's pictures were prepared.
    """
    exact = torch.float32 if crops.device.type == "mps" else torch.float64
    mean, std = (torch.tensor(values, dtype=exact, device=crops.device) for values in (_MEAN, _STD))
    scaled = (crops.float() / 255 - mean) / std
    return scaled.float().permute(0, 3, 1, 2)


class VitBlock(nn.Module):
    """Pre-norm attention and MLP.

    Attributes:
        drop: how often, in training, a sample skips each of them (stochastic depth; Huang et al., ECCV 2016).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_NORM_EPS)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=_NORM_EPS)
        self.mlp = Mlp(width, 4 * width)
        self.drop = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """`[N,J,C]` to `[N,J,C]`."""
        x = x + self._kept(self.attn(self.norm1(x)))
        return x + self._kept(self.mlp(self.norm2(x)))

    def _kept(self, x: Tensor) -> Tensor:
        if not (self.training and self.drop):
            return x
        kept = torch.rand(len(x), 1, 1, device=x.device) >= self.drop
        return x * kept / (1 - self.drop)


class PatchEmbedding(nn.Module):
    """Patches to tokens by one strided convolution."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.width, config.patch, stride=config.patch, padding=config.padding)

    def forward(self, image: Tensor) -> Tensor:
        """`[N,3,H,W]` to `[N,J,C]`, tokens in row-major order."""
        return self.proj(image).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """Tokens without a class token; its position code is added to every patch, as in the released weights."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(config)
        self.pos_embed = nn.Parameter(torch.empty(1, config.grid[0] * config.grid[1] + 1, config.width))
        self.blocks = nn.ModuleList(VitBlock(config.width, config.heads) for _ in range(config.depth))
        self.last_norm = nn.LayerNorm(config.width, eps=_NORM_EPS)

    def set_stochastic_depth(self, rate: float) -> None:
        """Let training skip the last block so often, those before it proportionally less."""
        last = max(len(self.blocks) - 1, 1)
        for place, block in enumerate(self.blocks):
            block.drop = rate * place / last

    def forward(self, image: Tensor) -> Tensor:
        """`[N,3,H,W]` to `[N,J,C]`."""
        x = self.patch_embed(image)
        x = x + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        for block in self.blocks:
            x = block(x)
        return self.last_norm(x)


class Backbone(nn.Module):
    """Square RGB crops to image tokens."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.cut = config.cut
        self.model = VisionTransformer(config)

    def forward(self, crops: Tensor) -> Tensor:
        """RGB crops uint8 `[N,S,S,3]` to tokens `[N,J,C]`; columns within `cut` of either side are not used."""
        return self.model(normalise_crops(crops)[..., self.cut : -self.cut])
