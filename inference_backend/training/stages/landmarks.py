"""Pre-training of the landmark encoder: windows of corrupted landmarks to pose, shape, placement and foot contact.

What is regressed goes through forward kinematics in the loss, so that limbs keep their length. Nothing here needs
meshes or tokens, which makes a step some fifty times cheaper than one of the whole network.
"""

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...models.moro.evidence.camera import full_camera
from ...models.moro.evidence.landmark_encoder import BodyPrediction, LandmarkEncoder, LandmarkUncertainty
from ...models.moro.training.losses import contact_labels, contact_loss, point_distance, velocity_loss
from ..data.mixing import mixed
from ..data.synthesis import Batch, Synthesis
from ..data.windows import MotionWindows
from ..data_clock import DataClock
from .context import Context
from .scores import mean_scores, pose_scores

_WEIGHTS: Final = {"joints": 10.0, "velocity": 40.0, "rotation": 2.0, "aside": 10.0, "depth": 1.0, "move": 40.0,
                   "betas": 0.01, "contact": 0.2, "bones": 1.0, "doubt": 0.1}  # fmt: skip
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
            windows = mixed(self._train.draw(self.plan.batch, self.plan.frames), self.context.generator)
            batch = self._synthesis.batch(windows)
        features = self._features(batch)
        terms = self._terms(batch, self._encoder.predict(features))
        terms |= _uncertainty_terms(batch, self._encoder.uncertainty(features))
        total = torch.stack([_WEIGHTS[name] * value for name, value in terms.items()]).sum()
        figures = {"joints_mm": 1000 * terms["joints"], "velocity_mm": 1000 * terms["velocity"]}
        figures |= {name: terms[name] for name in ("depth", "contact", "bones", "doubt")}
        return total, figures | {"data_ms": self._clock.milliseconds}

    def _features(self, batch: Batch) -> Tensor:
        return self.context.model.dst_former.landmark_features(batch.evidence.tokens, batch.evidence.box)

    def _joints(self, prediction: BodyPrediction, turn: Tensor) -> Tensor:
        """Joints `[B,T,22,3]` about the pelvis, in the view."""
        rotations = torch.cat((turn[:, :, None], prediction.local), 2)
        return self.context.posed.pose(prediction.betas[:, None], rotations).joints

    def _terms(self, batch: Batch, prediction: BodyPrediction) -> dict[str, Tensor]:
        turn, place = full_camera(prediction.weak, batch.evidence.box)
        about = self._joints(prediction, turn)
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
            + (prediction.local - batch.windows.rotations[:, :, 1:]).square().mean(),
            "aside": point_distance(far * aside, far * aside_true),
            "depth": (depth - depth_true).abs().mean(),
            "move": point_distance((far * aside).diff(dim=1), (far * aside_true).diff(dim=1))
            + 0.5 * (depth.diff(dim=1) - depth_true.diff(dim=1)).abs().mean(),
            "betas": functional.smooth_l1_loss(prediction.betas, batch.windows.betas),
            "contact": contact_loss(prediction.contact, contact_labels(batch.joints)),
        }

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Joint errors on held-back motion with corrupted landmarks, in millimetres."""
        self.context.model.eval()
        windows: MotionWindows = self.context.windows("val", seed=1)
        synthesis = Synthesis(self.context.posed, torch.Generator(self.context.device).manual_seed(2))
        scores = []
        for _ in range(_VALIDATION_BATCHES):
            batch = synthesis.batch(windows.draw(_VALIDATION_WINDOWS, self.plan.frames))
            features = self._features(batch)
            prediction, uncertainty = self._encoder.predict(features), self._encoder.uncertainty(features)
            turn, place = full_camera(prediction.weak, batch.evidence.box)
            joints = self._joints(prediction, turn) + place
            found = pose_scores(joints, batch.joints, batch.landmarks.hidden)
            scores.append(found | _uncertainty_scores(batch, uncertainty))
        return mean_scores(scores)

    def save(self, seconds: float, steps: int) -> None:
        """Write the network."""
        self.context.save(self.name, seconds, steps)


def _misses(batch: Batch, uncertainty: LandmarkUncertainty) -> tuple[Tensor, Tensor, Tensor]:
    """Errors of bones `[B,T,Nb]` and of the landmarks themselves `[B,T,33]` (metres), and which of these there are."""
    seen = batch.landmarks
    bones = (uncertainty.bones - batch.bones).norm(dim=-1)
    landmarks = (seen.rays - seen.true_rays).norm(dim=-1) * batch.translation[..., 2]
    return bones, landmarks, seen.found[..., None].expand_as(landmarks)


def _uncertainty_terms(batch: Batch, uncertainty: LandmarkUncertainty) -> dict[str, Tensor]:
    """Likelihoods of errors under the doubts: bones' Gaussian, landmarks' with long tails.

    That of the bones is weighted by its doubt, without a gradient, so that bones that are hard to know go on learning
    (beta-NLL with beta 0.5, arXiv 2203.09168).
    """
    bones, landmarks, found = _misses(batch, uncertainty)
    sigma, scale = uncertainty.bone_sigma, uncertainty.landmark_sigma
    likelihood = 0.5 * (bones / sigma).square() + 3 * sigma.log()
    tails = landmarks / scale + 2 * scale.log()
    return {"bones": (sigma.detach() * likelihood).mean(), "doubt": tails[found].mean()}


def _uncertainty_scores(batch: Batch, uncertainty: LandmarkUncertainty) -> dict[str, float]:
    """Median error of bones (degrees), and how well doubts are known: errors' root mean square in their units."""
    bones, landmarks, found = _misses(batch, uncertainty)
    degrees = torch.rad2deg(2 * torch.asin((bones / 2).clamp(max=1)))
    return {
        "bones_deg": float(degrees.median()),
        "bones_in_sigmas": float((bones / uncertainty.bone_sigma).square().mean().div(3).sqrt()),
        "landmarks_in_sigmas": float((landmarks / uncertainty.landmark_sigma)[found].mean() / 2),
    }
