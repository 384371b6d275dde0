"""Stages 1 and 2: the motion encoder on masked tokens and noisy trajectories of AMASS; before them, the tokenizer."""

from collections.abc import Iterable, Sequence

import numpy as np
import roma
import torch
from torch import Tensor, nn

from ...models.moro.motion.trajectory import canonical_trajectory, integrate, place
from ...models.moro.tokenizer.selection import select_codes, selection_temperature
from ...models.moro.training.augmentation import noise_level, noisy_trajectory
from ...models.moro.training.loss_terms import Placement, Prediction, Target, loss_terms, total_loss
from ...models.moro.training.losses import point_distance, token_accuracy, token_loss
from ...models.moro.training.masking import mask_for_training
from ..data.readers.clip import BodyClip
from .bodies import Truth
from .run import Draws, Run
from .sources import motion_clips, tokenizer_poses


def truth_of(clips: Sequence[BodyClip], run: Run) -> Truth:
    """Targets of a batch of clips of equal length."""
    poses, transl, betas = (
        torch.from_numpy(np.stack([getattr(clip, name) for clip in clips])).to(run.device)
        for name in ("poses", "transl", "betas")
    )
    return run.bodies.truth(roma.rotvec_to_rotmat(poses), transl, betas, [clip.gender for clip in clips])


class MotionPretraining:
    """`pose_pretrain` and `motion_pretrain`; in the former, single frames have no trajectory."""

    def __init__(self, run: Run) -> None:
        self.name, self.run, self.network = run.stage, run, run.model
        self._clips = Draws(motion_clips(run.folders, run.plan), run)

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """The motion encoder's, and over time the smoother's."""
        for name, parameter in self.run.model.named_parameters():
            if ".m_" in name or (self.run.plan.frames > 1 and name.startswith("smoother.")):
                yield name, parameter

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The terms of these stages."""
        run, model, network = self.run, self.run.model, self.run.model.dst_former
        truth = truth_of(self._clips.take(run.plan.batch), run)
        with torch.no_grad():
            ids = model.vqvae.encode(truth.mesh.flatten(0, 1)).unflatten(0, truth.mesh.shape[:2])
        masked = mask_for_training(ids, model.config.mask_id, run.plan.masks, run.generator)
        noisy = noisy_trajectory(truth.rotation, truth.translation, noise_level(progress), run.generator)
        motion = network.encode_motion(model.codes(masked.ids), canonical_trajectory(*noisy, model.statistics))
        logits, contact = network.motion_heads(motion)
        codes = select_codes(logits, model.vqvae.vq_vae.codes, selection_temperature(progress))
        if run.plan.frames == 1:
            terms = self._single(truth, model.meshes(codes), logits, masked.labels)
        else:
            prior = integrate(motion.canonical, model.statistics, truth.rotation[:, 0], truth.translation[:, 0])
            canonical = canonical_trajectory(truth.rotation, truth.translation, model.statistics)
            terms = loss_terms(
                "motion",
                Prediction(model.meshes(model.smoother(codes)), logits, contact, motion.canonical, Placement(*prior)),
                Target(
                    truth.mesh, truth.joints, Placement(truth.rotation, truth.translation), masked.labels,
                    canonical=canonical, contact=truth.contact,
                ),
                run.bodies.regressor,
            )  # fmt: skip
        figures = {"ce": terms["ce"], "accuracy": token_accuracy(logits, masked.labels)}
        return total_loss("motion", terms), figures | {"mesh_mm": 1000 * terms["v3d_local"]}

    def _single(self, truth: Truth, mesh: Tensor, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        placed = place(mesh, truth.rotation, truth.translation)
        true = place(truth.mesh, truth.rotation, truth.translation)
        return {
            "ce": token_loss(logits, labels),
            "v3d_local": point_distance(placed, true),
            "j3d_pos_rel": point_distance(self.run.bodies.regressor @ placed, truth.joints),
        }

    def validate(self) -> dict[str, float]:
        """Nothing is held back here: results are scored on the data sets' test splits (`evaluation`)."""
        return {}

    def save(self, seconds: float, steps: int) -> None:
        """Write the network."""
        self.run.save(seconds, steps)


class TokenizerTraining:
    """`tokenizer`: single poses, the codebook moving by itself."""

    def __init__(self, run: Run) -> None:
        self.name, self.run, self.network = run.stage, run, run.model.vqvae
        self._poses = Draws(tokenizer_poses(run.folders, run.plan), run)

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """The autoencoder's."""
        return self.run.model.vqvae.fully_conv_ae.named_parameters()

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002
        """Mean vertex distance plus the commitment."""
        mesh = truth_of(self._poses.take(self.run.plan.batch), self.run).mesh.flatten(0, 1)
        found = self.run.model.vqvae.train().training_step(mesh)
        return found.total, {"vertex_mm": 1000 * found.vertex, "perplexity": found.perplexity}

    def validate(self) -> dict[str, float]:
        """See `MotionPretraining.validate`."""
        return {}

    def save(self, seconds: float, steps: int) -> None:
        """Write the network, so that later stages find its tokenizer."""
        self.run.save(seconds, steps)
