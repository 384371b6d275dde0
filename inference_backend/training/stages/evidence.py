"""Evidence pretraining (MoRo's image stages): single frames to tokens and placement, no motion encoder.

The landmark encoder is frozen, as the image backbone is in the paper; it sees whole windows, the rest single frames.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ...models.moro.evidence.landmark_encoder import BodyPrediction
from ...models.moro.tokenizer.selection import expected_codes
from ...models.moro.training.loss_terms import Placement, Prediction, loss_terms, total_loss
from ...models.moro.training.losses import token_accuracy
from ..data.synthesis import Batch, Synthesis
from ..data.windows import MotionWindows
from ..data_clock import DataClock
from .batches import Span, Truth
from .context import Context, is_trained
from .open_losses import OPEN_WEIGHTS, about_pelvis

_VALIDATION_BATCHES, _VALIDATION_WINDOWS = 4, 32
_MESH_EVERY = 4
_EVERY = 4
"""Of a window's frames one in so many is learned from; its neighbours say almost the same."""


class EvidenceStage:
    """Trains the evidence encoder and the decoder on single frames."""

    name = "evidence"

    def __init__(self, context: Context) -> None:
        self.context, self.plan = context, context.plan(self.name)
        self.network: nn.Module = context.model
        context.freeze_backbone()
        self._truth = Truth(context)
        self._train = context.windows("train")
        self._synthesis = Synthesis(context.posed, context.generator)
        self._clock = DataClock(context.device)

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """The evidence encoder's and the decoder's; what works on time has nothing to learn here."""
        for name, p in self.context.model.named_parameters():
            if is_trained(name) and (".img_" in name or ".d_" in name):
                yield name, p

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002
        """The terms of the paper's image stages."""
        self.context.model.train()
        with self._clock.measure():
            batch, *outputs = self._frames(self._synthesis.batch(self._train.draw(self.plan.batch, self.plan.frames)))
        terms, accuracy = self._terms(batch, *outputs)
        figures = {
            "ce": terms["ce"],
            "accuracy": accuracy,
            "mesh_mm": 1000 * terms["v3d_local"],
            "joints_mm": 1000 * terms["j3d_about"],
            "data_ms": self._clock.milliseconds,
        }
        return total_loss("image", terms, OPEN_WEIGHTS), figures

    @torch.no_grad()
    def _frames(self, batch: Batch) -> tuple[Batch, Tensor, BodyPrediction]:
        """Single frames, each a window of its own, and what the landmark encoder makes of them in theirs."""
        network, frames = self.context.model.dst_former, batch.evidence.box.shape[1]
        features = network.landmark_features(batch.evidence.tokens, batch.evidence.box)
        draw = torch.rand((), generator=self.context.generator, device=self.context.generator.device).item()
        chosen = slice(int(draw * min(_EVERY, frames)), None, _EVERY)

        def alone(values: Tensor) -> Tensor:
            return values[:, chosen].flatten(0, 1).unsqueeze(1)

        evidence, windows, guess = batch.evidence, batch.windows, network.img_landmarks.predict(features)
        each = alone(evidence.box).shape[0] // len(evidence.box)
        return (
            batch._replace(
                evidence=evidence._replace(
                    **{name: alone(getattr(evidence, name)) for name in ("tokens", "valid", "box")},
                    to_camera=evidence.to_camera.repeat_interleave(each, 0),
                ),
                windows=windows._replace(
                    rotations=alone(windows.rotations),
                    pelvis=alone(windows.pelvis),
                    betas=windows.betas.repeat_interleave(each, 0),
                ),
                **{name: alone(getattr(batch, name)) for name in ("rotation", "translation", "joints")},
            ),
            alone(features),
            BodyPrediction(
                alone(guess.local), guess.betas.repeat_interleave(each, 0), alone(guess.weak), alone(guess.contact)
            ),
        )

    def _terms(self, batch: Batch, features: Tensor, guess: BodyPrediction) -> tuple[dict[str, Tensor], Tensor]:
        model, network = self.context.model, self.context.model.dst_former
        mesh = self._truth.meshes(batch.windows)
        ids = self._truth.ids(mesh)
        evidence = batch.evidence
        image = network.encode_frames(evidence.tokens, evidence.valid, evidence.box, features, guess)
        lead, width = ids.shape, model.config.width
        camera = network.embed_trajectory(image.rotation, image.translation)
        pose = image.tokens.new_zeros(*lead, width)
        canonical = image.tokens.new_zeros(*lead[:2], 1, width)
        decoded = network.decode(pose, image.tokens, canonical, camera, guess=image.guess)
        # Meshes cost more than all the rest of a frame: a part of the batch has to do.
        few = slice(0, -(-lead[0] // _MESH_EVERY)) if self.context.model.training else slice(None)
        coarse, fine = Placement(image.rotation, image.translation), Placement(decoded.rotation, decoded.translation)
        prediction = Prediction(
            model.meshes(expected_codes(decoded.logits[few], model.codebook)),
            decoded.logits,
            coarse=Placement(*(value[few] for value in coarse)),
            fine=Placement(*(value[few] for value in fine)),
        )
        target = self._truth.of_batch(_rows(batch, few), mesh[few], ids, Span(0, 1), with_time=False)
        terms = loss_terms("image", prediction, target, self._truth.regressor)
        terms["j3d_about"] = about_pelvis(
            prediction.mesh, prediction.fine.rotation, target.joints, self._truth.regressor
        )
        for name, placement in (("_coarse", coarse), ("", fine)):
            terms[f"rot{name}"] = (placement.rotation - batch.rotation).square().mean()
            terms[f"transl{name}"] = (placement.translation - batch.translation).square().mean()
        return terms, token_accuracy(decoded.logits, ids)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Errors on held-back motion with corrupted landmarks."""
        self.context.model.eval()
        windows: MotionWindows = self.context.windows("val", seed=1)
        synthesis = Synthesis(self.context.posed, torch.Generator(self.context.device).manual_seed(2))
        sums: dict[str, list[Tensor]] = {}
        for _ in range(_VALIDATION_BATCHES):
            drawn = synthesis.batch(windows.draw(_VALIDATION_WINDOWS, self.plan.frames))
            terms, accuracy = self._terms(*self._frames(drawn))
            sums.setdefault("accuracy", []).append(accuracy)
            for name in ("v3d_local", "j3d_about", "j3d_pos"):
                sums.setdefault(f"{name}_mm", []).append(1000 * terms[name])
        return {name: float(torch.stack(values).mean()) for name, values in sums.items()}

    def save(self, seconds: float, steps: int) -> None:
        """Write the network."""
        self.context.save(self.name, seconds, steps)


def _rows(batch: Batch, rows: slice) -> Batch:
    """Some windows of a batch; the landmarks that the evidence was made from stay as they are."""
    return batch._replace(
        evidence=type(batch.evidence)(*(value[rows] for value in batch.evidence)),
        rotation=batch.rotation[rows],
        translation=batch.translation[rows],
        joints=batch.joints[rows],
    )
