"""Pre-training of the landmark encoder: windows of corrupted landmarks to pose, shape, placement and foot contact.

What is regressed goes through forward kinematics in the loss, so that limbs keep their length. Nothing here needs
meshes or tokens, which makes a step some fifty times cheaper than one of the whole network.
"""

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...models.moro.camera import full_camera
from ...models.moro.landmark_encoder import LandmarkEncoder, Told
from ...models.moro.losses import contact_labels, contact_loss, point_distance, velocity_loss
from ..data.synthesis import Batch, Synthesis
from ..data.windows import MotionWindows
from ..data_clock import DataClock
from .context import Context
from .scores import pose_scores

_WEIGHTS: Final = {"joints": 10.0, "velocity": 40.0, "rotation": 2.0, "aside": 10.0, "depth": 1.0, "move": 40.0,
                   "betas": 0.01, "contact": 0.2}  # fmt: skip
_VALIDATION_BATCHES, _VALIDATION_WINDOWS = 3, 48


class LandmarkStage:
    """Trains the landmark encoder alone."""

    name = "landmarks"

    def __init__(self, context: Context) -> None:
        self.context, self.plan = context, context.plan(self.name)
        self.network: nn.Module = context.model
        self._encoder: LandmarkEncoder = context.model.dst_former.img_landmarks
        self._train = context.windows("train")
        self._synthesis = Synthesis(context.posed, context.generator)
        self._clock = DataClock(context.device)

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """The encoder's, without what only the rest of the network reads."""
        for name, p in self._encoder.named_parameters():
            if not name.startswith("parts."):
                yield name, p

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002
        """Weighted sum of `_terms`; figures in millimetres."""
        self.context.model.train()
        with self._clock.measure():
            batch = self._synthesis.batch(self._train.draw(self.plan.batch, self.plan.frames))
        terms = self._terms(batch, self._tell(batch))
        total = torch.stack([_WEIGHTS[name] * value for name, value in terms.items()]).sum()
        figures = {"joints_mm": 1000 * terms["joints"], "velocity_mm": 1000 * terms["velocity"]}
        figures |= {name: terms[name] for name in ("depth", "contact")}
        return total, figures | {"data_ms": self._clock.milliseconds}

    def _tell(self, batch: Batch) -> Told:
        evidence = batch.evidence
        tokens = evidence.tokens.masked_fill(~evidence.valid[..., None], 0)
        return self._encoder.tell(self.context.model.dst_former.landmark_features(tokens, evidence.box))

    def _joints(self, told: Told, turn: Tensor) -> Tensor:
        """Joints `[B,T,22,3]` about the pelvis, in the view."""
        rotations = torch.cat((turn[:, :, None], told.local), 2)
        return self.context.posed.pose(told.betas[:, None], rotations).joints

    def _terms(self, batch: Batch, told: Told) -> dict[str, Tensor]:
        turn, place = full_camera(told.weak, batch.evidence.box)
        about = self._joints(told, turn)
        place, truth = place[:, :, 0], batch.translation[:, :, 0]
        # Directions are seen; depths follow from a size that nobody knows, and are not to drown the rest.
        aside, aside_true = (p[..., :2] / p[..., 2:].clamp(min=0.3) for p in (place, truth))
        depth, depth_true = (p[..., 2].clamp(min=0.3).log() for p in (place, truth))
        far = truth[..., 2:]
        true_about = batch.joints - batch.translation
        return {
            "joints": point_distance(about, true_about),
            "velocity": velocity_loss(about, true_about),
            "rotation": (turn - batch.rotation).square().mean()
            + (told.local - batch.windows.rotations[:, :, 1:]).square().mean(),
            "aside": point_distance(far * aside, far * aside_true),
            "depth": (depth - depth_true).abs().mean(),
            "move": point_distance((far * aside).diff(dim=1), (far * aside_true).diff(dim=1))
            + 0.5 * (depth.diff(dim=1) - depth_true.diff(dim=1)).abs().mean(),
            "betas": functional.smooth_l1_loss(told.betas, batch.windows.betas),
            "contact": contact_loss(told.contact, contact_labels(batch.joints)),
        }

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Joint errors on held-back motion with corrupted landmarks, in millimetres."""
        self.context.model.eval()
        windows: MotionWindows = self.context.windows("val", seed=1)
        synthesis = Synthesis(self.context.posed, torch.Generator(self.context.device).manual_seed(2))
        sums: dict[str, list[float]] = {}
        for _ in range(_VALIDATION_BATCHES):
            batch = synthesis.batch(windows.draw(_VALIDATION_WINDOWS, self.plan.frames))
            told = self._tell(batch)
            turn, place = full_camera(told.weak, batch.evidence.box)
            joints = self._joints(told, turn) + place
            for name, value in pose_scores(joints, batch.joints, batch.landmarks.hidden).items():
                sums.setdefault(name, []).append(value)
        return {name: sum(values) / len(values) for name, values in sums.items()}

    def save(self, seconds: float, steps: int) -> None:
        """Write the network."""
        self.context.save(self.name, seconds, steps)
