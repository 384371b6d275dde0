"""First stage: the mesh tokenizer (MoRo section 3.1), on single poses of the open body.

It starts as a plain autoencoder. When that holds bodies well, the codebook is laid into its latents by k-means, and
quantised training begins: a codebook that starts at random collapses in the short training that is meant here.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import torch
from torch import Tensor, nn

from ...models.moro.tokenizer.mesh_tokenizer import MeshTokenizer
from ..data.posing import PosedBody
from ..data.windows import MotionWindows, Windows
from ..data_clock import DataClock
from .context import Context

PLAIN_SHARE: Final = 0.4
"""Of the training, without quantisation."""
_KMEANS_STEPS, _KMEANS_BATCHES = 12, 16
_COMMITMENT: Final = 0.25
_VALIDATION: Final = 512


class TokenizerStage:
    """See the module; `context.model.vqvae` is trained."""

    name = "tokenizer"

    def __init__(self, context: Context) -> None:
        self.context, self.plan = context, context.plan(self.name)
        self.network: nn.Module = context.model.vqvae
        self._tokenizer: MeshTokenizer = context.model.vqvae
        self._train = context.windows("train")
        self._body, self._clock = context.posed, DataClock(context.device)
        self._held_back = list(_validation_meshes(context))
        # In units of the latents' own spread, so that pulling latents to codes weighs the same at any scale.
        self._tokenizer.register_buffer("latent_variance", torch.zeros(()).to(context.device))

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """The autoencoder's; the codebook moves by itself."""
        return self._tokenizer.fully_conv_ae.named_parameters()

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean vertex distance, plus the commitment once quantised; figures in millimetres."""
        tokenizer = self._tokenizer.train()
        with self._clock.measure():
            mesh = _mesh(self._body, self._train.draw(self.plan.batch, 1))
        if progress >= PLAIN_SHARE and self._tokenizer.latent_variance == 0:
            self._lay_codebook()
        latent = tokenizer.fully_conv_ae.encode(mesh)
        if self._tokenizer.latent_variance == 0:
            vertex = _distance(tokenizer.fully_conv_ae.decode(latent), mesh)
            return vertex, {"vertex_mm": 1000 * vertex, "data_ms": self._clock.milliseconds}
        quantized = tokenizer.vq_vae(latent)
        vertex = _distance(tokenizer.fully_conv_ae.decode(quantized.codes), mesh)
        misfit = quantized.commitment / self._tokenizer.latent_variance
        total = vertex + _COMMITMENT * 0.1 * misfit
        figures = {"vertex_mm": 1000 * vertex, "misfit": misfit, "perplexity": quantized.perplexity}
        return total, figures | {"data_ms": self._clock.milliseconds}

    @torch.no_grad()
    def _lay_codebook(self) -> None:
        batches = [_mesh(self._body, self._train.draw(self.plan.batch, 1)) for _ in range(_KMEANS_BATCHES)]
        latent = torch.cat([self._tokenizer.fully_conv_ae.encode(mesh) for mesh in batches]).flatten(0, 1)
        codes = _k_means(latent, self._tokenizer.config.codes, self.context.generator)
        book = self._tokenizer.vq_vae
        use = self.plan.batch * self._tokenizer.config.tokens / len(codes)
        book.codes.copy_(codes)
        book._ema_w.copy_(codes * use)
        book._ema_cluster_size.fill_(use)
        book.code_count.fill_(max(use, 2.0))
        self._tokenizer.latent_variance.copy_(latent.var(0).mean())

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean vertex error in millimetres on the validation split: quantised and not; how many codes are in use."""
        tokenizer = self._tokenizer.eval()
        plain, quantised, used = [], [], []
        for mesh in self._held_back:
            latent = tokenizer.fully_conv_ae.encode(mesh)
            plain.append(_distance(tokenizer.fully_conv_ae.decode(latent), mesh))
            ids = tokenizer.vq_vae.nearest(latent)
            used.append(ids.flatten())
            quantised.append(_distance(tokenizer.decode(ids), mesh))
        means = {"plain_mm": plain, "quantised_mm": quantised}
        figures = {name: 1000 * float(torch.stack(values).mean()) for name, values in means.items()}
        return figures | {"codes_used": float(len(torch.cat(used).unique()))}

    def save(self, seconds: float, steps: int) -> None:
        """Write the whole network, so that later stages find its tokenizer."""
        self.context.model.tie_token_table()
        self.context.save(self.name, seconds, steps)


def _mesh(body: PosedBody, windows: Windows) -> Tensor:
    with torch.no_grad():
        return body.mesh(windows.betas, windows.rotations[:, 0])


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.vector_norm(a - b, dim=-1).mean()


def _validation_meshes(context: Context) -> Iterator[Tensor]:
    windows: MotionWindows = context.windows("val", augment=True, seed=1)
    for _ in range(2):
        yield _mesh(context.posed, windows.draw(_VALIDATION, 1))


def _k_means(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Centres `[count,D]` of points `[N,D]`; a centre that nobody is nearest to moves to a random point."""
    order = torch.randperm(len(points), generator=generator, device=generator.device).to(points.device)
    centres = points[order[:count]].clone()
    for _ in range(_KMEANS_STEPS):
        nearest = torch.cat([torch.cdist(part, centres).argmin(1) for part in points.split(8192)])
        number = torch.bincount(nearest, minlength=len(centres))
        summed = torch.zeros_like(centres).index_add_(0, nearest, points)
        spare = points[torch.randint(len(points), (len(centres),), generator=generator, device=points.device)]
        centres = torch.where(number[:, None] > 0, summed / number.clamp(min=1)[:, None], spare)
    return centres
