"""Motion pretraining (MoRo section 3.6): masked tokens and a noisy trajectory, without any evidence.

The stage `pose` does the same on single frames, with random masks and no trajectory.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ...models.moro.motion.trajectory import canonical_trajectory, integrate, place
from ...models.moro.tokenizer.selection import expected_codes
from ...models.moro.training.augmentation import TEST_NOISE, noise_level, noisy_trajectory
from ...models.moro.training.loss_terms import Placement, Prediction, Target, loss_terms, total_loss
from ...models.moro.training.losses import contact_labels, point_distance, token_accuracy, token_loss
from ...models.moro.training.masking import Masked, mask_for_training, mask_for_validation
from ..data.windows import MotionWindows, Windows
from ..data_clock import DataClock
from .batches import Span, Truth
from .context import Context

_SHARES = {"random": 0.5, "joint": 0.25, "frame": 0.25}
_POSE_SHARES = {"random": 1.0}
_VALIDATION_BATCHES = 3


class MotionStage:
    """Trains the motion encoder and, where there is time, the smoother.

    Args:
        context: of the run.
        name: `motion`, or `pose` for single frames.
    """

    def __init__(self, context: Context, name: str) -> None:
        self.name, self.context, self.plan = name, context, context.plan(name)
        self.network: nn.Module = context.model
        self._truth = Truth(context)
        self._train = context.windows("train")
        self._single = name == "pose"
        self._clock = DataClock(context.device)

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """The motion encoder's, and the smoother's."""
        for name, p in self.context.model.named_parameters():
            if ".m_" in name or (name.startswith("smoother.") and not self._single):
                yield name, p

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The terms of the paper's motion stage."""
        self.context.model.train()
        with self._clock.measure():
            windows = self._train.draw(self.plan.batch, 1 if self._single else self.plan.frames)
            mesh = self._truth.meshes(windows)
            ids = self._truth.ids(mesh)
        shares = _POSE_SHARES if self._single else _SHARES
        masked = mask_for_training(ids, self.context.model.config.mask_id, shares, self.context.generator)
        terms, accuracy = self._terms(windows, mesh, masked, noise_level(progress))
        figures = {"ce": terms["ce"], "accuracy": accuracy, "mesh_mm": 1000 * terms["v3d_local"]}
        figures["data_ms"] = self._clock.milliseconds
        return total_loss("motion", terms), figures

    def _terms(
        self, windows: Windows, mesh: Tensor, masked: Masked, noise: tuple[float, float], span: Span | None = None
    ) -> tuple[dict[str, Tensor], Tensor]:
        model, network = self.context.model, self.context.model.dst_former
        frames = windows.pelvis.shape[1]
        span = span or self._truth.span(frames)
        rotation, pelvis = windows.rotations[:, :, 0], windows.pelvis[:, :, None]
        heard = (
            (rotation, pelvis) if self._single else noisy_trajectory(rotation, pelvis, noise, self.context.generator)
        )
        motion = network.encode_motion(model.codes(masked.ids), canonical_trajectory(*heard, model.statistics))
        logits, contact = network.motion_heads(motion)
        codes = expected_codes(span.of(logits), model.codebook)
        if not self._single:
            codes = model.smoother(codes)
        placement = span.place(Placement(rotation, pelvis))
        if self._single:
            found, true = (place(x, *placement) for x in (model.meshes(codes), span.of(mesh)))
            terms = {"ce": token_loss(logits, masked.labels), "v3d_local": point_distance(found, true)}
            terms["j3d_pos_rel"] = point_distance(self._truth.regressor @ found, self._truth.regressor @ true)
            return terms, token_accuracy(logits, masked.labels)
        truth = canonical_trajectory(rotation, pelvis, model.statistics)
        joints = self._truth.joints(span.of(mesh), placement)
        prior = Placement(*integrate(motion.canonical, model.statistics, rotation[:, 0], pelvis[:, 0]))
        prediction = Prediction(
            model.meshes(codes), logits, span.of(contact), motion.canonical, prior=span.place(prior)
        )
        target = Target(
            span.of(mesh), joints, placement, masked.labels, canonical=truth, contact=contact_labels(joints)
        )
        return loss_terms("motion", prediction, target, self._truth.regressor), token_accuracy(logits, masked.labels)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """A fifth of the tokens hidden in each of the ways that training hides them."""
        self.context.model.eval()
        windows: MotionWindows = self.context.windows("val", seed=1)
        generator = torch.Generator(self.context.device).manual_seed(2)
        sums: dict[str, list[Tensor]] = {}
        for _ in range(_VALIDATION_BATCHES):
            drawn = windows.draw(min(self.plan.batch, 128), 1 if self._single else self.plan.frames)
            mesh = self._truth.meshes(drawn)
            ids = self._truth.ids(mesh)
            for strategy in _POSE_SHARES if self._single else _SHARES:
                masked = mask_for_validation(ids, self.context.model.config.mask_id, strategy, generator)
                whole = Span(0, min(drawn.pelvis.shape[1], self.context.size.mesh_frames))
                terms, accuracy = self._terms(drawn, mesh, masked, TEST_NOISE, whole)
                sums.setdefault(f"{strategy}_accuracy", []).append(accuracy)
                sums.setdefault(f"{strategy}_mesh_mm", []).append(1000 * terms["v3d_local"])
        return {name: float(torch.stack(values).mean()) for name, values in sums.items()}

    def save(self, seconds: float, steps: int) -> None:
        """Write the network."""
        self.context.save(self.name, seconds, steps)
