"""Hierarchical Attention Guided Tokenizer: part tokens on four levels from a feature map (RopeTP, equation 1)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .backbone import conv_norm
from .config import RopeConfig
from .parts import part_levels


class PartTokens(NamedTuple):
    """What the tokenizer makes of a batch; keys are level names.

    Attributes:
        tokens: `[B,J,C]` for each level of J parts.
        logits: `[B,J+1,h,w]`, channel 0 the background; empty without attention.
    """

    tokens: dict[str, Tensor]
    logits: dict[str, Tensor]


def part_attention(logits: Tensor, temperature: Tensor | float = 1.0) -> Tensor:
    """Where each part looks: softmax over the pixels, `[B,J,h*w]`, of logits `[B,J+1,h,w]` without their background.

    The segmentation loss reads the same logits by a softmax over channels instead.
    """
    return (logits[:, 1:].flatten(2) / temperature).softmax(-1)


def attention_entropy(logits: Tensor) -> Tensor:
    """Entropy of each part's attention `[B,J]`, as a share of the entropy of looking everywhere equally."""
    attention = part_attention(logits)
    entropy = -(attention * attention.clamp_min(1e-12).log()).sum(-1)
    return entropy / torch.log(torch.tensor(float(attention.shape[-1])))


class Hagt(nn.Module):
    """Feature maps `[B,Cf,h,w]` to part tokens.

    Equation 1 prints an elementwise product of shapes that do not fit; read as: for each part, the values weighted by
    its attention and summed over pixels, `softmax(A) V`.
    """

    def __init__(self, inputs: int, config: RopeConfig) -> None:
        super().__init__()
        self.levels = _levels(config)
        width = config.trunk
        self.attention_trunk, self.value_trunk = (_trunk(inputs, width, config.trunk_layers) for _ in range(2))
        parts = {name: len(part_levels()[name]) for name in self.levels}
        self.attention = nn.ModuleDict({name: nn.Conv2d(width, count + 1, 1) for name, count in parts.items()})
        self.value = nn.ModuleDict({name: nn.Conv2d(width, config.token, 1) for name in parts})
        self.temperature = nn.ParameterDict({name: nn.Parameter(torch.ones(())) for name in parts})

    def forward(self, features: Tensor) -> PartTokens:
        """See the class."""
        where, what = self.attention_trunk(features), self.value_trunk(features)
        logits = {name: self.attention[name](where) for name in self.levels}
        weights = [part_attention(logits[name], self.temperature[name].clamp_min(0.05)) for name in self.levels]
        # Weights add up to 1, so values of what was gathered are what would be gathered of values, and far fewer.
        gathered = torch.cat(weights, 1) @ what.flatten(2).mT
        found = gathered.split([weight.shape[1] for weight in weights], 1)
        tokens = {
            name: functional.linear(part, self.value[name].weight.flatten(1), self.value[name].bias)
            for name, part in zip(self.levels, found, strict=True)
        }
        return PartTokens(tokens, logits)


class PooledTokens(nn.Module):
    """In place of the tokenizer, for the ablation: every part's token from the mean over the image."""

    def __init__(self, inputs: int, config: RopeConfig) -> None:
        super().__init__()
        self.token = config.token
        self.trunk = _trunk(inputs, config.trunk, config.trunk_layers)
        self.out = nn.ModuleDict(
            {name: nn.Linear(config.trunk, len(part_levels()[name]) * config.token) for name in _levels(config)}
        )

    def forward(self, features: Tensor) -> PartTokens:
        """See `Hagt.forward`."""
        pooled = self.trunk(features).mean((2, 3))
        return PartTokens({name: out(pooled).unflatten(1, (-1, self.token)) for name, out in self.out.items()}, {})


def _levels(config: RopeConfig) -> tuple[str, ...]:
    return (*config.levels, "whobo") if config.use_whobo else config.levels


def _trunk(inputs: int, width: int, layers: int) -> nn.Sequential:
    return nn.Sequential(*(conv_norm(inputs if i == 0 else width, width) for i in range(layers)))
