"""Video training (MoRo section 3.6): evidence over time, with confidence-guided masking; and the smoother alone.

Half of the steps mask at random, or everything. The other half runs the network once on nothing but MASK, keeps what it
is sure of as its own input, and learns to say the rest: this is what iterative decoding asks of it.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ...models.moro.motion.dst_former import Decoded, ImageFeatures, MotionFeatures
from ...models.moro.motion.trajectory import canonical_trajectory, integrate
from ...models.moro.recovery.decoding import decode_tokens
from ...models.moro.tokenizer.selection import expected_codes
from ...models.moro.training.loss_terms import Placement, Prediction, loss_terms, total_loss
from ...models.moro.training.losses import token_accuracy
from ...models.moro.training.masking import Masked, mask_for_training
from ..data.synthesis import Batch, Synthesis
from ..data.windows import MotionWindows
from ..data_clock import DataClock
from ..guided import guided_input, one_pass
from .batches import Truth
from .context import Context, is_trained
from .open_losses import OPEN_WEIGHTS, about_pelvis
from .scores import mean_scores, pose_scores

_VALIDATION_BATCHES, _VALIDATION_WINDOWS = 3, 24


class VideoStage:
    """Trains everything but the tokenizer; or, as `smoother`, the smoother alone on the network's own predictions.

    Attributes:
        guided_share: part of the steps with confidence-guided masking.
    """

    guided_share = 0.5

    def __init__(self, context: Context, name: str) -> None:
        self.name, self.context, self.plan = name, context, context.plan(name)
        self.network: nn.Module = context.model
        context.freeze_backbone()
        self._truth = Truth(context)
        self._train = context.windows("train")
        self._synthesis = Synthesis(context.posed, context.generator)
        self._clock = DataClock(context.device)

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """Of the transformers and the smoother, without the heads that only motion training uses; or the smoother's."""
        idle = (".m_pose_regressor", ".m_contact_regressor")
        for name, p in self.context.model.named_parameters():
            smoother = name.startswith("smoother.")
            if smoother or (self.name == "video" and is_trained(name) and not any(i in name for i in idle)):
                yield name, p

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002
        """The terms of the paper's video stage."""
        self.context.model.train()
        with self._clock.measure():
            batch = self._synthesis.batch(self._train.draw(self.plan.batch, self.plan.frames))
            mesh = self._truth.meshes(batch.windows)
            ids = self._truth.ids(mesh)
        if self.name == "smoother":
            return self._smoothing(batch, mesh, ids)
        model, network = self.context.model, self.context.model.dst_former
        evidence = batch.evidence
        image = network.encode_image(evidence.tokens, evidence.valid, evidence.box)
        generator = self.context.generator
        coarse = canonical_trajectory(image.rotation.detach(), image.translation.detach(), model.statistics)
        guided = torch.rand((), generator=generator, device=generator.device) < self.guided_share
        if guided:
            masked, canonical = guided_input(model, ids, coarse, image, generator)
        else:
            masked = mask_for_training(ids, model.config.mask_id, {"random": 0.5, "full": 0.5}, generator)
            canonical = coarse
        motion, decoded = one_pass(model, masked.ids, canonical, image)
        terms = self._terms(batch, mesh, masked, image, motion, decoded)
        figures = {
            "ce": terms["ce"],
            "accuracy": token_accuracy(decoded.logits, ids),
            "mesh_mm": 1000 * terms["v3d_local"],
            "joints_mm": 1000 * terms["j3d_about"],
            "velocity_mm": 1000 * terms["j3d_vel"],
            "data_ms": self._clock.milliseconds,
        }
        return total_loss("video", terms, OPEN_WEIGHTS), figures

    def _terms(
        self,
        batch: Batch,
        mesh: Tensor,
        masked: Masked,
        image: ImageFeatures,
        motion: MotionFeatures,
        decoded: Decoded,
    ) -> dict[str, Tensor]:
        model = self.context.model
        span = self._truth.span(mesh.shape[1])
        codes = model.smoother(expected_codes(span.of(decoded.logits), model.codebook))
        prior = Placement(*integrate(motion.canonical, model.statistics, batch.rotation[:, 0], batch.translation[:, 0]))
        prediction = Prediction(
            model.meshes(codes),
            decoded.logits,
            span.of(decoded.contact),
            prior=span.place(prior),
            coarse=span.place(Placement(image.rotation, image.translation)),
            fine=span.place(Placement(decoded.rotation, decoded.translation)),
        )
        target = self._truth.of_batch(batch, mesh, masked.labels, span, with_time=True)
        terms = loss_terms("video", prediction, target, self._truth.regressor)
        terms["j3d_about"] = about_pelvis(
            prediction.mesh, prediction.fine.rotation, target.joints, self._truth.regressor
        )
        return terms

    def _smoothing(self, batch: Batch, mesh: Tensor, ids: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The mesh's place and speed after smoothing what decoding settles on."""
        model, span = self.context.model, self._truth.span(mesh.shape[1])
        with torch.no_grad():
            evidence = batch.evidence
            image = model.dst_former.encode_image(evidence.tokens, evidence.valid, evidence.box)
            found = decode_tokens(model, image)
        meshes = model.meshes(span.of(model.smoother(found.codes)))
        true = span.of(mesh)
        near = (meshes - true).norm(dim=-1).mean()
        speed = (meshes.diff(dim=1) - true.diff(dim=1)).norm(dim=-1).mean()
        right = (found.ids == ids).float().mean()
        return 10 * near + 100 * speed, {"accuracy": right, "mesh_mm": 1000 * near, "velocity_mm": 1000 * speed}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Five steps of decoding on held-back motion with corrupted landmarks: joint errors in millimetres."""
        model = self.context.model.eval()
        windows: MotionWindows = self.context.windows("val", seed=1)
        synthesis = Synthesis(self.context.posed, torch.Generator(self.context.device).manual_seed(2))
        scores = []
        for _ in range(_VALIDATION_BATCHES):
            batch = synthesis.batch(windows.draw(_VALIDATION_WINDOWS, self.plan.frames))
            evidence = batch.evidence
            image = model.dst_former.encode_image(evidence.tokens, evidence.valid, evidence.box)
            found = decode_tokens(model, image)
            placement = Placement(found.rotation, found.translation)
            joints = self._truth.joints(model.meshes(model.smoother(found.codes)), placement)
            scores.append(pose_scores(joints, batch.joints, batch.landmarks.hidden))
        return mean_scores(scores)

    def save(self, seconds: float, steps: int) -> None:
        """Write the network."""
        self.context.save(self.name, seconds, steps)
