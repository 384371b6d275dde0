"""Adaptive Contextual Part Regressor: attention among a level's parts, then between levels (RopeTP, equation 2)."""

from typing import Final

import torch
from torch import Tensor, nn

from .config import RopeConfig
from .parts import PART_JOINTS, part_levels

_ROUTES: Final = (
    ("fulco", "inter", "indep"),
    ("indep", "fulco", "inter"),
    ("inter", "indep", "fulco"),
)
"""Levels from which each of the three outputs takes queries, keys and values."""


def attention(queries: Tensor, keys: Tensor, heads: int, bias: Tensor | None = None) -> Tensor:
    """Attention weights `[B,heads,N,M]`, rows adding up to 1, of `[B,N,C]` for `[B,M,C]`.

    Args:
        queries, keys: projected.
        heads: how many; they share C.
        bias: `[M]`, added to the logits.
    """
    q, k = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (queries, keys))
    logits = q @ k.mT / q.shape[-1] ** 0.5
    return (logits if bias is None else logits + bias).softmax(-1)


class PartEncoder(nn.Module):
    """Within a level (ISL): part tokens `[B,J,C]`, each beside the whole body's `[B,1,C]`, to `[B,J,C]`.

    With the regressor `mlp`, each token goes through a small network of its own.
    """

    def __init__(self, parts: int, config: RopeConfig) -> None:
        super().__init__()
        size = config.token
        self.use_whobo = config.use_whobo
        self.merge = nn.Linear(2 * size if config.use_whobo else size, size)
        self.identity = nn.Parameter(0.02 * torch.randn(parts, size))
        if config.regressor == "mlp":
            self.mix: nn.Module = nn.Sequential(
                nn.LayerNorm(size), nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size)
            )
        else:
            layer = nn.TransformerEncoderLayer(
                size, config.heads, 4 * size, config.dropout, "gelu", batch_first=True, norm_first=True
            )
            self.mix = nn.TransformerEncoder(layer, config.isl_layers, enable_nested_tensor=False)

    def forward(self, tokens: Tensor, whole: Tensor | None) -> Tensor:
        """See the class; `whole` is None without the reference to the whole body."""
        if self.use_whobo:
            tokens = torch.cat((tokens, whole.expand_as(tokens)), -1)
        return self.mix(self.merge(tokens) + self.identity)


class LevelExchange(nn.Module):
    """Between levels (ICL): the levels expanded to 24 joints, `[B,24,C]` each, to as many outputs `[B,24,C]`.

    Queries, keys and values of each output come from three different levels. As printed, with tokens repeated for every
    joint of a part, each output has rank 6 at most over the 24 joints, whatever the weights. So each level gets an
    embedding of the joint first, the level that gives the values is added again, and heads are several;
    `icl_literal` leaves this out.
    """

    def __init__(self, config: RopeConfig) -> None:
        super().__init__()
        size, levels = config.token, config.levels
        self.levels, self.literal = levels, config.icl_literal
        self.heads = 1 if config.icl_literal else config.heads
        self.routes = _ROUTES if len(levels) > 1 else ((levels[0],) * 3,)
        self.query, self.key, self.value = (
            nn.ModuleDict({name: nn.Linear(size, size) for name in levels}) for _ in range(3)
        )
        if not config.icl_literal:
            self.joint = nn.ParameterDict(
                {name: nn.Parameter(0.02 * torch.randn(len(PART_JOINTS), size)) for name in levels}
            )
        for name in levels if config.icl_balance else ():
            members = torch.bincount(torch.tensor(part_levels()[name].of_joint))
            bias = -members[list(part_levels()[name].of_joint)].float().log()
            self.register_buffer(f"bias_{name}", bias, persistent=False)

    def weights(self, expanded: dict[str, Tensor]) -> list[Tensor]:
        """Attention weights `[B,heads,24,24]` of each output; `expanded` as it goes into `forward`."""
        expanded = self._marked(expanded)
        return [self._weights(expanded, route) for route in self.routes]

    def forward(self, expanded: dict[str, Tensor]) -> list[Tensor]:
        """See the class."""
        expanded = self._marked(expanded)
        outputs = []
        for route in self.routes:
            values = self.value[route[2]](expanded[route[2]])
            split = values.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            mixed = (self._weights(expanded, route) @ split).transpose(1, 2).flatten(2)
            outputs.append(mixed if self.literal else expanded[route[2]] + mixed)
        return outputs

    def _marked(self, expanded: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.literal:
            return expanded
        return {name: tokens + self.joint[name] for name, tokens in expanded.items()}

    def _weights(self, expanded: dict[str, Tensor], route: tuple[str, str, str]) -> Tensor:
        bias = getattr(self, f"bias_{route[1]}", None)
        return attention(
            self.query[route[0]](expanded[route[0]]), self.key[route[1]](expanded[route[1]]), self.heads, bias
        )


def expand(tokens: dict[str, Tensor]) -> dict[str, Tensor]:
    """Part tokens of each level `[B,J,C]` repeated for every joint of their part: `[B,24,C]`."""
    return {name: x[:, list(part_levels()[name].of_joint)] for name, x in tokens.items()}
