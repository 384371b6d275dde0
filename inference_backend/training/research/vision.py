"""Stages 3 to 5: backbone, image encoder and decoder on single images, on frames of videos, and all on videos."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from ...models.moro.motion.dst_former import Decoded, ImageFeatures
from ...models.moro.motion.trajectory import canonical_trajectory, integrate, place
from ...models.moro.tokenizer.selection import select_codes, selection_temperature
from ...models.moro.training.augmentation import OPENPOSE_FROM_SMPLX
from ...models.moro.training.loss_terms import Placement, Prediction, Target, loss_terms, total_loss
from ...models.moro.training.losses import point_distance, token_accuracy, token_loss, weak_projection_loss
from ...models.moro.training.masking import mask_for_training
from ..guided import guided_input, one_pass
from .bodies import Truth
from .pictures import PictureBatch, PictureLoader
from .plans import CROP_SHARE
from .run import Draws, Run
from .sources import picture_clips

_PAIRS = [(row, joint) for row, joint in enumerate(OPENPOSE_FROM_SMPLX) if joint < 22]
_KEYPOINT_ROWS, _KEYPOINT_JOINTS = (list(column) for column in zip(*_PAIRS, strict=True))


class _Vision:
    """What the stages with pictures have in common."""

    def __init__(self, run: Run) -> None:
        self.name, self.run, self.network = run.stage, run, run.model
        self._clips = Draws(picture_clips(run.folders, run.plan, run.bodies), run)
        config = run.model.config.backbone
        self._loader = PictureLoader(run.bodies, config.crop, CROP_SHARE.get(run.stage, 0.0))

    def _draw(self) -> tuple[PictureBatch, Truth, Tensor]:
        """A batch, its targets and its true tokens."""
        run, tokenizer = self.run, self.run.model.vqvae
        clips = self._clips.take(run.plan.batch)
        chance = np.random.default_rng(run.seed())
        batch = self._loader.batch(clips, chance, single=run.plan.task == "image").to(run.device)
        truth = run.bodies.truth(batch.rotations, batch.transl, batch.betas, batch.genders)
        with torch.no_grad():
            ids = tokenizer.encode(truth.mesh.flatten(0, 1)).unflatten(0, truth.mesh.shape[:2])
        return batch, truth, ids

    def validate(self) -> dict[str, float]:
        """Nothing is held back here: results are scored on the data sets' test splits (`evaluation`)."""
        return {}

    def save(self, seconds: float, steps: int) -> None:
        """Write the network."""
        self.run.save(seconds, steps)


_STOCHASTIC_DEPTH: Final = 0.55


class ImagePretraining(_Vision):
    """`image_pretrain` and `video_pretrain`: single frames, every token masked, no motion encoder.

    In the former the place of the body is not known: rotations are learned, positions are compared about the pelvis,
    and keypoints of the crop teach the weak camera. They are compared at the joints that OpenPose and SMPL-X share.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        run.model.backbone.model.set_stochastic_depth(_STOCHASTIC_DEPTH)
        run.model.backbone.train()

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """The backbone's, the image encoder's and the decoder's; contacts need time."""
        for name, parameter in self.run.model.named_parameters():
            idle = "d_contact_regressor" in name
            if name.startswith("backbone.") or ((".img_" in name or ".d_" in name) and not idle):
                yield name, parameter

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The terms of these stages."""
        run, model, network = self.run, self.run.model, self.run.model.dst_former
        batch, truth, ids = self._draw()
        image = model.encode_image(batch.crops, None, batch.box)
        camera = network.embed_trajectory(image.rotation, image.translation)
        empty = image.tokens.new_zeros(*ids.shape, model.config.width)
        decoded = network.decode(empty, image.tokens, empty[:, :, :1], camera, guess=image.guess)
        mesh = model.meshes(select_codes(decoded.logits, model.vqvae.vq_vae.codes, selection_temperature(progress)))
        if run.plan.task == "image":
            terms = self._unplaced(batch, truth, ids, image, decoded, mesh)
        else:
            prediction = Prediction(
                mesh,
                decoded.logits,
                coarse=Placement(image.rotation, image.translation),
                fine=Placement(decoded.rotation, decoded.translation),
            )
            place_ = Placement(truth.rotation, truth.translation)
            target = Target(truth.mesh, truth.joints, place_, ids, K=batch.K, scale=batch.scale)
            terms = loss_terms("image", prediction, target, run.bodies.regressor)
        figures = {"ce": terms["ce"], "accuracy": token_accuracy(decoded.logits, ids), "joints": terms["j3d_pos"]}
        return total_loss("image", terms, {"j2d_weak": 1.0}), figures

    def _unplaced(
        self, batch: PictureBatch, truth: Truth, ids: Tensor, image: ImageFeatures, decoded: Decoded, mesh: Tensor
    ) -> dict[str, Tensor]:
        regressor, origin = self.run.bodies.regressor, torch.zeros_like(truth.translation)
        true = truth.joints - truth.translation
        coarse, fine = (regressor @ place(mesh, turn, origin) for turn in (image.rotation, decoded.rotation))
        points = batch.keypoints[:, :, _KEYPOINT_ROWS]
        return {
            "ce": token_loss(decoded.logits, ids),
            "v3d_local": point_distance(mesh, truth.mesh),
            "rot_coarse": (image.rotation - truth.rotation).square().mean(),
            "rot": (decoded.rotation - truth.rotation).square().mean(),
            "j3d_pos_coarse": point_distance(coarse, true),
            "j3d_pos": point_distance(fine, true),
            "j2d_weak": weak_projection_loss(
                coarse[:, :, _KEYPOINT_JOINTS], image.weak, points[..., :2], points[..., 2]
            ),
        }


class VideoTraining(_Vision):
    """`video_train`: motion encoder, decoder and smoother over time; what looks at pictures is frozen."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        run.model.requires_grad_(False)
        for _, parameter in self.parameters():
            parameter.requires_grad_(True)

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """The motion encoder's without the heads that only its own training uses, the decoder's, the smoother's."""
        idle = ("m_pose_regressor", "m_contact_regressor")
        for name, parameter in self.run.model.named_parameters():
            trained = ".m_" in name or ".d_" in name or name.startswith("smoother.")
            if trained and not any(part in name for part in idle):
                yield name, parameter

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The terms of this stage: half of the steps guided by what a first pass is sure of, half random."""
        run, model = self.run, self.run.model
        batch, truth, ids = self._draw()
        with torch.no_grad():
            image = model.encode_image(batch.crops, None, batch.box)
        canonical = canonical_trajectory(image.rotation, image.translation, model.statistics)
        guided = torch.rand((), generator=run.generator, device=run.generator.device) < run.plan.masks["guided"]
        if guided:
            masked, canonical = guided_input(model, ids, canonical, image, run.generator)
        else:
            masked = mask_for_training(ids, model.config.mask_id, {"random": 1.0}, run.generator)
        motion, decoded = one_pass(model, masked.ids, canonical, image)
        codes = model.smoother(select_codes(decoded.logits, model.vqvae.vq_vae.codes, selection_temperature(progress)))
        prior = integrate(motion.canonical, model.statistics, truth.rotation[:, 0], truth.translation[:, 0])
        prediction = Prediction(
            model.meshes(codes),
            decoded.logits,
            decoded.contact,
            prior=Placement(*prior),
            coarse=Placement(image.rotation, image.translation),
            fine=Placement(decoded.rotation, decoded.translation),
        )
        target = Target(
            truth.mesh, truth.joints, Placement(truth.rotation, truth.translation), masked.labels,
            contact=truth.contact, K=batch.K, scale=batch.scale,
        )  # fmt: skip
        terms = loss_terms("video", prediction, target, run.bodies.regressor)
        figures = {"ce": terms["ce"], "accuracy": token_accuracy(decoded.logits, ids), "joints": terms["j3d_pos"]}
        return total_loss("video", terms), figures
