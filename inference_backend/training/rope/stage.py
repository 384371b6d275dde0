"""Rope's training: set-up, and the stage that the loop runs for either phase."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Final

import roma
import torch
from torch import Tensor, nn

from ...body.body import Body
from ...models.rope.config import ablation
from ...models.rope.losses import LossWeights, rope_losses
from ...models.rope.network import Rope
from ...models.rope.surface_cloud import SurfaceCloud
from ...models.rope.weights_file import load_rope, save_rope
from ...protocol.errors import ErrorCode, RecoverError
from ..data.archive import read_archive
from ..data.posing import PosedBody, flat_handed
from ..data.windows import MotionWindows
from ..data_clock import DataClock
from ..provenance import provenance
from ..sizes import StagePlan
from ..stages.scores import mean_scores, pose_scores
from .sizes import ROPE_STAGES, RopeSize
from .synthesis import SPACING, ProxyBatch, ProxySynthesis

LOSS_WEIGHTS: Final = LossWeights(joints=30.0, image=15.0)
"""Places of joints weigh more than in PARE's ratios: they are what is scored, and here they are known exactly."""
_VALIDATION_BATCHES: Final = 8
"""Of twice the training's size."""
_NORM_BATCHES: Final = 12


class RopeContext:
    """Set-up of a training run.

    Args:
        size: of the network and its phases.
        data: folder with prepared motion.
        out: folder for weights and resume files.
        device: to compute on.
        seed: of every random draw.
        start: weights to start from, which also say what network it is; None for a random start.
        variant: of the ablation (`models.rope.config.ABLATIONS`).

    Raises:
        RecoverError: the data or the weights cannot be used.
    """

    def __init__(
        self,
        size: RopeSize,
        data: Path,
        out: Path,
        device: torch.device,
        seed: int = 0,
        start: Path | None = None,
        variant: str = "full",
    ) -> None:
        self.size, self.data, self.out, self.device = size, data, out, device
        self.generator = torch.Generator(device).manual_seed(seed)
        self.body = flat_handed(Body.load(None, device=device))
        if start is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.model = Rope(size.config if variant == "full" else ablation(size.config, variant))
        else:
            self.model, metadata = load_rope(start)
            if metadata.get("body_sha256") != self.body.sha256:
                raise RecoverError(
                    ErrorCode.WRONG_BODY,
                    f"The weights {start} were trained for another body than {self.body.name}.",
                    f"Start from weights of the open configuration, or train {ROPE_STAGES[0]} anew.",
                )
        self.model = self.model.to(device, memory_format=torch.channels_last).requires_grad_(True)

    def plan(self, stage: str) -> StagePlan:
        """How a phase is trained."""
        return self.size.plans[stage]

    @cached_property
    def posed(self) -> PosedBody:
        """The body, posed in batches; no mesh of it is wanted."""
        return PosedBody(self.body, ())

    @cached_property
    def cloud(self) -> SurfaceCloud:
        """Points on the body's skin."""
        return SurfaceCloud(self.body, SPACING)

    def source(self, split: str, generator: torch.Generator) -> tuple[MotionWindows, ProxySynthesis]:
        """Windows of a split, and what makes images of them."""
        archive = read_archive(self.data / f"{split}.npz", self.body.sha256)
        windows = MotionWindows(archive, self.body, generator)
        return windows, ProxySynthesis(self.posed, self.cloud, self.model.config.map_hw, generator)

    def path(self, stage: str) -> Path:
        """The weights that a phase writes."""
        return self.out / f"{stage}.safetensors"

    def save(self, stage: str, seconds: float, steps: int) -> None:
        """Write the network as it stands."""
        what = "virtual cameras, simulated landmark errors and silhouettes"
        told = provenance(self.body, self.device, what, seconds, steps)
        told |= {"body_name": self.body.name, "stage": stage}
        save_rope(self.model, self.path(stage), told, torch.float32)


class RopeStage:
    """One phase: with the loss on attention, or without it.

    Args:
        context: of the run.
        name: of `ROPE_STAGES`.
    """

    def __init__(self, context: RopeContext, name: str) -> None:
        self.context, self.name, self.plan = context, name, context.plan(name)
        self.network: nn.Module = context.model
        # `rope_losses` switches phases by how much of the training is done.
        self._phase = float(ROPE_STAGES.index(name))
        self._windows, self._synthesis = context.source("train", context.generator)
        self._clock = DataClock(context.device)

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """All of the network's."""
        return self.context.model.named_parameters()

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002
        """The paper's losses (RopeTP section 3.1.3) on a fresh batch."""
        self.context.model.train()
        with self._clock.measure():
            batch = self._synthesis.batch(self._windows.draw(self.plan.batch, self.plan.frames))
        terms, _ = self._terms(batch)
        total = terms.pop("total")
        terms["joints_mm"] = 1000 * terms.pop("joints").sqrt()
        return total, {**terms, "data_ms": self._clock.milliseconds}

    def _terms(self, batch: ProxyBatch) -> tuple[dict[str, Tensor], Tensor]:
        """Losses, and joints `[B,22,3]` as found, in the camera's axes with SMPL-X's transl at zero, metres."""
        device, body = self.context.device.type, self.context.body
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            # On a CPU, and in half precision on a GPU, the network is faster with channels last.
            output = self.context.model(batch.images.contiguous(memory_format=torch.channels_last), batch.box)
        output = output._replace(
            **{name: getattr(output, name).float() for name in ("rotations", "betas", "camera", "visibility")},
            logits={name: value.float() for name, value in output.logits.items()},
        )
        terms = rope_losses(output, batch.targets, body, LOSS_WEIGHTS, self._phase)
        turns = roma.rotmat_geodesic_distance(output.rotations.detach(), batch.targets.rotations)
        terms["turn_deg"] = turns.mean().rad2deg()
        return terms, self._joints(output.rotations, output.betas)

    def _joints(self, rotations: Tensor, betas: Tensor) -> Tensor:
        return self.context.body.skeleton(betas, rotations[:, 0], rotations[:, 1:], torch.zeros_like(betas[:, :3]))[0]

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Errors on held-back motion with corrupted landmarks (mm, degrees), and the losses."""
        self._measure_norms()
        model, device = self.context.model.eval(), self.context.device
        windows, synthesis = self.context.source("val", torch.Generator(device).manual_seed(1))
        batches = []
        for _ in range(_VALIDATION_BATCHES):
            batch = synthesis.batch(windows.draw(2 * self.plan.batch, self.plan.frames))
            terms, found = self._terms(batch)
            true = self._joints(batch.targets.rotations, batch.targets.betas)
            scores = pose_scores(found[:, None], true[:, None], batch.hidden[:, None])
            scores.pop("root")  # nobody asked where the person is
            told = ("turn_deg", "image", "visibility", "attention")
            batches.append(scores | {name: float(terms[name]) for name in told if name in terms})
        model.train()
        return mean_scores(batches)

    def _measure_norms(self) -> None:
        """Statistics of the batch norms for the weights that are in place: averaged weights have others than those
        that were trained with."""
        model = self.context.model.train()
        norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
        momenta = [layer.momentum for layer in norms]
        for layer in norms:
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean
        windows, synthesis = self.context.source("train", torch.Generator(self.context.device).manual_seed(2))
        for _ in range(_NORM_BATCHES):
            batch = synthesis.batch(windows.draw(self.plan.batch, self.plan.frames))
            model(batch.images, batch.box)
        for layer, momentum in zip(norms, momenta, strict=True):
            layer.momentum = momentum

    def save(self, seconds: float, steps: int) -> None:
        """Write the network."""
        self.context.save(self.name, seconds, steps)
