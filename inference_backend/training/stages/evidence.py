"""Evidence pretraining (MoRo's image stages): single frames of landmarks to tokens and placement, no motion encoder."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ...models.moro.loss_terms import Placement, Prediction, loss_terms, total_loss
from ...models.moro.losses import token_accuracy
from ...models.moro.selection import expected_codes
from ..data.synthesis import Batch, Synthesis
from ..data.windows import MotionWindows
from .batches import Span, Truth
from .context import Context

_VALIDATION_BATCHES = 4


class EvidenceStage:
    """Trains the evidence encoder and the decoder on single frames."""

    name = "evidence"

    def __init__(self, context: Context) -> None:
        self.context, self.plan = context, context.plan(self.name)
        self.network: nn.Module = context.model
        self._truth = Truth(context)
        self._train = context.windows("train")
        self._synthesis = Synthesis(context.posed, context.generator)

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """The evidence encoder's and the decoder's; what works on time has nothing to learn here."""
        for name, p in self.context.model.named_parameters():
            if ".img_" in name or ".d_" in name:
                yield name, p

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002
        """The terms of the paper's image stages."""
        self.context.model.train()
        terms, accuracy = self._terms(self._synthesis.batch(self._train.draw(self.plan.batch, 1)))
        figures = {
            "ce": terms["ce"],
            "accuracy": accuracy,
            "mesh_mm": 1000 * terms["v3d_local"],
            "joints_mm": 1000 * terms["j3d_pos"],
        }
        return total_loss("image", terms), figures

    def _terms(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        model, network = self.context.model, self.context.model.dst_former
        mesh = self._truth.meshes(batch.windows)
        ids = self._truth.ids(mesh)
        image = network.encode_image(batch.evidence.tokens, batch.evidence.valid, batch.evidence.box)
        lead, width = ids.shape, model.config.width
        camera = network.embed_trajectory(image.rotation, image.translation)
        pose = image.tokens.new_zeros(*lead, width)
        canonical = image.tokens.new_zeros(*lead[:2], 1, width)
        decoded = network.decode(pose, image.tokens, canonical, camera, box=image.box)
        span = Span(0, 1)
        prediction = Prediction(
            model.meshes(expected_codes(decoded.logits, model.codebook)),
            decoded.logits,
            coarse=Placement(image.rotation, image.translation),
            fine=Placement(decoded.rotation, decoded.translation),
        )
        target = self._truth.of_batch(batch, mesh, ids, span, with_time=False)
        return loss_terms("image", prediction, target, self._truth.regressor), token_accuracy(decoded.logits, ids)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Errors on held-back motion with corrupted landmarks."""
        self.context.model.eval()
        windows: MotionWindows = self.context.windows("val", seed=1)
        synthesis = Synthesis(self.context.posed, torch.Generator(self.context.device).manual_seed(2))
        sums: dict[str, list[Tensor]] = {}
        for _ in range(_VALIDATION_BATCHES):
            terms, accuracy = self._terms(synthesis.batch(windows.draw(256, 1)))
            sums.setdefault("accuracy", []).append(accuracy)
            for name in ("v3d_local", "j3d_pos", "j3d_pos_coarse"):
                sums.setdefault(f"{name}_mm", []).append(1000 * terms[name])
        return {name: float(torch.stack(values).mean()) for name, values in sums.items()}

    def save(self, seconds: float, steps: int) -> None:
        """Write the network."""
        self.context.save(self.name, seconds, steps)
