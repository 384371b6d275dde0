"""The fully convolutional mesh autoencoder inside MoRo's tokenizer (MoRo section 3.1; Zhou et al., NeurIPS 2020).

Every convolution mixes a few basis matrices that its whole layer shares with coefficients that each (vertex, slot) has
for itself; every resampling layer is a weighted mean over neighbours. Features run vertex-major, `[P,N,C]` for N
meshes, because gathering neighbours then copies whole rows.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..config import TokenizerConfig
from .connections import Connections

_GATHER_BYTES = 256 * 2**20
"""Memory that one layer's gathered neighbours may take; decides how many meshes are done at once."""

_EXPANDED_NUMBERS = 16 * 2**20
"""Up to so many numbers in all layers' expanded matrices, forming them is faster than mixing basis by basis."""


@dataclass(frozen=True)
class LayerPlan:
    """One layer: whether it convolves (else it resamples), output vertices, neighbour slots and channels."""

    convolves: bool
    points: int
    slots: int
    channels_in: int
    channels_out: int


def layer_plan(config: TokenizerConfig) -> list[LayerPlan]:
    """All layers, encoder then decoder, in the numbering of the parameter names."""
    points, channels, levels = config.points, config.channels, range(len(config.points))
    rows: list[tuple[bool, int, int, int]] = []
    for level in levels:
        if level:
            rows.append((False, points[level], channels[level], channels[level]))
        rows.append((True, points[level], channels[level], channels[level + 1]))
    for level in reversed(levels):
        rows.append((True, points[level], channels[level + 1], channels[level]))
        if level:
            rows.append((False, points[level - 1], channels[level], channels[level]))
    return [LayerPlan(row[0], row[1], slots, *row[2:]) for row, slots in zip(rows, config.slots, strict=True)]


class MeshAutoencoder(nn.Module):
    """The layers; parameter names carry the layer number, as in the released state dict."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.bases = config.bases
        self.plan = layer_plan(config)
        for i, layer in enumerate(self.plan):
            if layer.convolves:
                shape = (config.bases, layer.channels_out * layer.channels_in)
                self.register_parameter(f"weights{i}", nn.Parameter(torch.empty(shape)))
                self.register_parameter(f"bias{i}", nn.Parameter(torch.empty(layer.channels_out)))
                shape = (layer.points, layer.slots, config.bases)
                self.register_parameter(f"w_weights{i}", nn.Parameter(torch.empty(shape)))
            else:
                self.register_parameter(f"p_neighbors{i}", nn.Parameter(torch.empty(layer.points, layer.slots)))
            self.register_buffer(f"index{i}", None, persistent=False)
            self.register_buffer(f"valid{i}", None, persistent=False)

    def set_connections(self, connections: Connections) -> None:
        """Attach the neighbour tables (they are data of the mesh, not weights)."""
        device = self.bias0.device
        for i, layer in enumerate(connections.layers):
            setattr(self, f"index{i}", layer.index.to(device))
            setattr(self, f"valid{i}", layer.valid.to(device=device, dtype=torch.float32))

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Random start: basis N(0,1), bias 0, coefficients N(0,1) divided by the mean neighbour count."""
        for i, layer in enumerate(self.plan):
            mean_count = round(getattr(self, f"valid{i}").sum(1).mean().item())
            if layer.convolves:
                getattr(self, f"weights{i}").normal_(generator=generator)
                getattr(self, f"bias{i}").zero_()
                getattr(self, f"w_weights{i}").normal_(generator=generator).div_(self.bases * mean_count)
            else:
                getattr(self, f"p_neighbors{i}").normal_(generator=generator).div_(mean_count)

    def run_layer(self, i: int, x: Tensor) -> Tensor:
        """Run one layer with its activation (ELU after every convolution but the very last).

        Args:
            i: layer number.
            x: `[P_in,N,C_in]`.

        Returns:
            `[P_out,N,C_out]`.
        """
        if not self.plan[i].convolves:
            weight = getattr(self, f"p_neighbors{i}").abs() * getattr(self, f"valid{i}")
            weight = weight / (weight.sum(1, keepdim=True) + 1e-8)
            return _mix(weight[:, None], x, getattr(self, f"index{i}")).squeeze(1)
        y = self._convolve(i, x) + getattr(self, f"bias{i}")
        return y if i + 1 == len(self.plan) else functional.elu(y)

    def _convolve(self, i: int, x: Tensor) -> Tensor:
        """`y[p] = sum_m A[p,m] x[n(p,m)]` with `A[p,m] = sum_w c[p,m,w] W_w`, without ever forming A.

        The sums are exchanged: whichever of "mix neighbours, then transform" and "transform, then mix" gathers fewer
        numbers is done first. A would hold 285 million numbers in the released tokenizer.
        """
        layer, index = self.plan[i], getattr(self, f"index{i}")
        basis = getattr(self, f"weights{i}").unflatten(1, (layer.channels_out, layer.channels_in))
        mix = getattr(self, f"w_weights{i}") * getattr(self, f"valid{i}")[..., None]  # [P,M,W]
        if self._transforms_first(layer):
            moved = torch.einsum("woc,qnc->qwno", basis, x)
            gathered = moved.flatten(2)[index].flatten(1, 2)  # [P,M*W,N*O]
            return torch.bmm(mix.flatten(1)[:, None], gathered).unflatten(2, (x.shape[1], -1)).squeeze(1)
        return torch.einsum("pwnc,woc->pno", _mix(mix.transpose(1, 2), x, index), basis)

    def _transforms_first(self, layer: LayerPlan) -> bool:
        return self.bases * layer.channels_out <= layer.channels_in

    def encode(self, mesh: Tensor) -> Tensor:
        """Meshes `[N,P,3]`, metres, to latents `[N,K,code]`."""
        return self._in_chunks(mesh, 0, len(self.plan) // 2)

    def decode(self, latent: Tensor) -> Tensor:
        """Latents `[N,K,code]` to meshes `[N,P,3]`, metres."""
        return self._in_chunks(latent, len(self.plan) // 2, len(self.plan))

    def meshes_at_once(self) -> int:
        """Meshes that fit the memory set aside for gathered neighbours."""
        largest = max(
            layer.points
            * layer.slots
            * (self.bases * layer.channels_out if self._transforms_first(layer) else layer.channels_in)
            for layer in self.plan
        )
        return max(1, _GATHER_BYTES // (4 * largest))

    def _in_chunks(self, x: Tensor, first: int, last: int) -> Tensor:
        parts = []
        expands = self._expands
        for part in x.split(self.meshes_at_once()):
            if expands:
                part = part.permute(1, 2, 0)
                for i in range(first, last):
                    part = self._run_expanded(i, part)
                parts.append(part.permute(2, 0, 1))
                continue
            part = part.transpose(0, 1)
            for i in range(first, last):
                part = self.run_layer(i, part)
            parts.append(part.transpose(0, 1))
        return torch.cat(parts)

    @property
    def _expands(self) -> bool:
        sizes = (p.points * p.slots * p.channels_in * p.channels_out for p in self.plan if p.convolves)
        return sum(sizes) <= _EXPANDED_NUMBERS

    def _run_expanded(self, i: int, x: Tensor) -> Tensor:
        """`run_layer` with A formed, one product for the whole layer: `[P_in,C_in,N]` to `[P_out,C_out,N]`."""
        layer, index = self.plan[i], getattr(self, f"index{i}")
        if not layer.convolves:
            weight = getattr(self, f"p_neighbors{i}").abs() * getattr(self, f"valid{i}")
            weight = weight / (weight.sum(1, keepdim=True) + 1e-8)
            dense = weight.new_zeros(layer.points, len(x)).scatter_add(1, index, weight)
            return (dense @ x.flatten(1)).unflatten(1, x.shape[1:])
        gathered = x.flatten(1).index_select(0, index.flatten()).view(layer.points, layer.slots, -1)
        mix = getattr(self, f"w_weights{i}") * getattr(self, f"valid{i}")[..., None]
        expanded = (mix @ getattr(self, f"weights{i}")).unflatten(2, (layer.channels_out, layer.channels_in))
        matrix = expanded.transpose(1, 2).flatten(2)  # [P,O,M*C]
        bias = getattr(self, f"bias{i}")[:, None]
        y = torch.baddbmm(bias, matrix, gathered.view(layer.points, matrix.shape[2], -1))
        return y if i + 1 == len(self.plan) else functional.elu(y)


def _mix(weight: Tensor, x: Tensor, index: Tensor) -> Tensor:
    """Sum over slots m of weight `[P,W,M]` times x `[Q,N,C]` at index `[P,M]`: `[P,W,N,C]`."""
    return torch.bmm(weight, x.flatten(1)[index]).unflatten(2, x.shape[1:])
