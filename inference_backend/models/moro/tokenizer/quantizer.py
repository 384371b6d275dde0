"""The codebook of the mesh tokenizer, learned by exponential moving averages (van den Oord et al., NeurIPS 2017)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

_DECAY = 0.99
_EPS = 1e-5


class Quantized(NamedTuple):
    """What one quantisation gives.

    Attributes:
        codes: `[...,D]`, nearest codes; gradients pass straight through to the latents.
        ids: int64 `[...]`.
        commitment: mean squared distance of the latents from their codes, differentiable in the latents.
        perplexity: exponential of the entropy of code use: how many codes this batch used.
    """

    codes: Tensor
    ids: Tensor
    commitment: Tensor
    perplexity: Tensor


class Codebook(nn.Module):
    """K codes of D numbers. `_ema_w` is a parameter in name only: the optimiser must not see this module."""

    def __init__(self, codes: int, size: int) -> None:
        super().__init__()
        self._embedding = nn.Embedding(codes, size)
        self._ema_w = nn.Parameter(torch.empty(codes, size))
        self.register_buffer("_ema_cluster_size", torch.zeros(codes))
        self.register_buffer("code_count", torch.ones(codes))
        self.requires_grad_(False)

    @property
    def codes(self) -> Tensor:
        """`[K,D]`."""
        return self._embedding.weight

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Random start: codes and their running sums N(0,1), counts as a fresh module has them."""
        self._embedding.weight.normal_(generator=generator)
        self._ema_w.normal_(generator=generator)
        self._ema_cluster_size.zero_()
        self.code_count.fill_(1)

    def nearest(self, latent: Tensor) -> Tensor:
        """Ids `[...]` of the codes nearest to latents `[...,D]`; the first of equals wins."""
        z, c = latent.flatten(0, -2), self.codes
        distance = z.square().sum(1, keepdim=True) + c.square().sum(1) - 2 * z @ c.T
        return distance.argmin(1).view(latent.shape[:-1])

    def lookup(self, ids: Tensor) -> Tensor:
        """Codes `[...,D]` of ids `[...]`."""
        return functional.embedding(ids, self.codes)

    def forward(self, latent: Tensor) -> Quantized:
        """Quantise latents `[...,D]`; in training mode the codebook then moves towards them."""
        ids = self.nearest(latent.detach())
        codes = self.lookup(ids)
        share = torch.bincount(ids.flatten(), minlength=len(self.codes)) / ids.numel()
        perplexity = torch.exp(-(share * torch.log(share + 1e-10)).sum())
        commitment = functional.mse_loss(latent, codes)
        if self.training:
            self._learn(latent.detach().flatten(0, -2), ids.flatten())
        return Quantized(latent + (codes - latent).detach(), ids, commitment, perplexity)

    @torch.no_grad()
    def _learn(self, z: Tensor, ids: Tensor) -> None:
        """One EMA step with Laplace smoothing; a code that faded out of use restarts at a latent of this batch.

        The restart takes the latent with the code's own index and leaves the running sums alone, as the released
        tokenizer was trained: the next step undoes it unless the code was used.
        """
        n_codes = len(self.codes)
        used = torch.bincount(ids, minlength=n_codes).to(z.dtype)
        self._ema_cluster_size.mul_(_DECAY).add_(used, alpha=1 - _DECAY)
        total = self._ema_cluster_size.sum()
        self._ema_cluster_size.add_(_EPS).mul_(total / (total + n_codes * _EPS))
        summed = torch.zeros_like(self._ema_w).index_add_(0, ids, z)
        self._ema_w.mul_(_DECAY).add_(summed, alpha=1 - _DECAY)
        self._embedding.weight.copy_(self._ema_w / self._ema_cluster_size[:, None])
        self.code_count.mul_(_DECAY).add_(used, alpha=1 - _DECAY)
        reset = (self.code_count < 1)[: len(z)].nonzero().squeeze(1)
        self._embedding.weight[reset] = z[reset]
