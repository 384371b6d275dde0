"""MoRo's three transformers and their heads: motion encoder, image encoder, cross-modal decoder (MoRo section 3.2-3.4).

They share one module because the released weights name them so. Prefixes: `m_` motion, `img_` image, `d_` decoder.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ....geometry.rot6d import matrix_from_rot6d_rows, rot6d_rows
from ..config import MoroConfig
from ..evidence.camera import full_camera
from ..evidence.landmark_encoder import BodyPrediction, LandmarkEncoder, LandmarkUncertainty
from ..layers.dual_stream import DSTFormer
from ..layers.precision import mixed_precision
from .image_encoder import ImageEncoder, sine_positions


class InitialEstimate(NamedTuple):
    """What the decoder's heads speak relative to.

    Attributes:
        box: `[B,T,3]`, box feature.
        weak: `[B,T,9]`, the landmark encoder's weak camera, that the trajectory is relative to.
        codes: `[B,T,P,D]`, the tokenizer's latents of the body that it sees. Both are None where there is no landmark
            encoder.
    """

    box: Tensor
    weak: Tensor | None = None
    codes: Tensor | None = None


class ImageFeatures(NamedTuple):
    """What the image encoder makes of a clip.

    Attributes:
        tokens: `[B,T,K,C]`.
        weak: `[B,T,9]`, weak camera: 6-D rotation, log scale, offset.
        rotation: `[B,T,3,3]`, coarse, body to camera.
        translation: `[B,T,1,3]`, coarse pelvis position in the camera frame, metres.
        guess: what the decoder's heads speak relative to.
        uncertainty: what the landmark encoder makes of the landmarks; None where there is none.
    """

    tokens: Tensor
    weak: Tensor
    rotation: Tensor
    translation: Tensor
    guess: InitialEstimate
    uncertainty: LandmarkUncertainty | None = None


class MotionFeatures(NamedTuple):
    """What the motion encoder makes of tokens: `pose [B,T,P,C]`, `trajectory [B,T,1,C]`, `canonical [B,T,9]`."""

    pose: Tensor
    trajectory: Tensor
    canonical: Tensor


class Decoded(NamedTuple):
    """What one decoding pass says.

    Attributes:
        logits: `[B,T,P,codes]`.
        contact: `[B,T,4]`, logits: left ankle, left foot, right ankle, right foot.
        rotation: `[B,T,3,3]`, body to camera.
        translation: `[B,T,1,3]`, pelvis in the camera frame, metres.
    """

    logits: Tensor
    contact: Tensor
    rotation: Tensor
    translation: Tensor


class DstFormer(nn.Module):
    """Parameters and forward passes; token counts come from the configuration."""

    def __init__(self, config: MoroConfig) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = torch.float32
        self.latents_of: Callable[[BodyPrediction], Tensor] | None = None
        """The tokenizer's latents `[B,T,P,D]` of bodies; set with the body (`Moro.set_body`)."""
        width, tokens, codes = config.width, config.tokenizer.tokens, config.tokenizer.codes
        sizes = (width, config.heads, config.mlp_ratio)
        self.m_pos_enc = nn.Parameter(torch.zeros(1, 1, tokens + 1, width))
        self.m_token_embed = nn.Linear(config.tokenizer.code_size, width)
        self.m_traj_embed = nn.Linear(9, width)
        self.m_transformer = DSTFormer(*sizes, config.motion_depth, config.attention_reach)
        self.m_traj_regressor = nn.Linear(width, 9)
        self.m_pose_regressor = nn.Linear(width, codes)
        self.m_contact_regressor = nn.Linear(width, config.contacts)

        groups = 1 if config.evidence_groups is None else len(config.evidence_groups)
        self.img_embed = nn.Linear(config.evidence_channels, groups * width)
        self.img_bbox_embed = nn.Linear(3, width)
        if config.backbone is None:
            self.img_pos_enc = nn.Parameter(torch.zeros(config.evidence_tokens, width))
        if config.landmark_depth:
            size = (config.landmark_width, config.landmark_depth, config.heads, config.attention_reach)
            self.img_landmarks = LandmarkEncoder(*size, groups, width)
            self.d_code_prior = nn.Linear(config.tokenizer.code_size, codes)
            self.d_code_trust = nn.Linear(width, 1)
        self.img_transformer = ImageEncoder(*sizes, config.image_depth)
        self.img_traj_regressor = nn.Linear(width, 9)

        self.d_pos_enc = nn.Parameter(torch.zeros(1, 1, tokens + 3, width))
        self.d_traj_embed = nn.Linear(9, width)
        self.d_transformer = DSTFormer(*sizes, config.decoder_depth, config.attention_reach)
        self.d_pose_regressor = nn.Linear(width, codes)
        self.d_traj_regressor = nn.Linear(width, 9)
        self.d_contact_regressor = nn.Linear(width, config.contacts)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Random start: linear layers N(0, 0.02) cut at 2, norms 1 and 0, position tables N(0, 0.02).

        That is for the released width of 1024; narrower networks start with as much larger weights as keep sums over
        their inputs as large.
        """
        std = 0.02 * (1024 / self.config.width) ** 0.5
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=std, a=-2.0, b=2.0)
                nn.init.zeros_(module.bias)
        tables = [self.m_pos_enc, self.d_pos_enc]
        for table in [*tables, self.img_pos_enc] if self.config.backbone is None else tables:
            nn.init.trunc_normal_(table, std=0.02, a=-2.0, b=2.0)
        if self.config.landmark_depth:
            self.img_landmarks.reset_parameters()
            # The first guess stands until something better is learned.
            for head in (self.img_traj_regressor, self.d_traj_regressor, self.d_pose_regressor, self.d_code_trust):
                nn.init.zeros_(head.weight)

    @torch.no_grad()
    def set_code_prior(self, codebook: Tensor, spread: float) -> None:
        """Let latents speak for codes near them: logits -|latent - code|^2 / (2 variance) plus a constant.

        Args:
            codebook: `[codes,D]`.
            spread: how far latents may be off, as a share of the codebook's standard deviation.
        """
        precision = 1 / (spread**2 * codebook.var(0).mean())
        self.d_code_prior.weight.copy_(precision * codebook)
        self.d_code_prior.bias.copy_(-0.5 * precision * codebook.square().sum(1))

    def encode_image(self, evidence: Tensor, valid: Tensor | None, box: Tensor) -> ImageFeatures:
        """Evidence of a clip to features and a coarse trajectory; frames are independent.

        Args:
            evidence: `[B,T,K,E]` (before grouping); what stands in invalid tokens does not matter.
            valid: bool `[B,T,K]`; None: all are.
            box: `[B,T,3]`, box feature.
        """
        if valid is not None:
            evidence = evidence.masked_fill(~valid[..., None], 0)
        if self.config.landmark_depth:
            features = self.landmark_features(evidence, box)
            encoded = self.encode_frames(evidence, valid, box, features, self.img_landmarks.predict(features))
            return encoded._replace(uncertainty=self.img_landmarks.uncertainty(features))
        return self.encode_frames(evidence, valid, box)

    def landmark_features(self, evidence: Tensor, box: Tensor) -> Tensor:
        """Features `[B,T,W]` of landmark tokens `[B,T,33,7]`, zeros where they are not valid."""
        with mixed_precision(evidence, self.compute_dtype):
            return self.img_landmarks.features(evidence, box).float()

    def encode_frames(
        self,
        evidence: Tensor,
        valid: Tensor | None,
        box: Tensor,
        features: Tensor | None = None,
        prediction: BodyPrediction | None = None,
    ) -> ImageFeatures:
        """The rest of `encode_image`, frame by frame: given the landmark encoder's features and what it tells."""
        lead = box.shape[:2]
        tokens, valid = self._embed_evidence(evidence, valid)
        tokens = tokens + self._image_positions(evidence.device)
        boxes = self.img_bbox_embed(box)
        if features is not None:
            # A part of which nothing is seen now is still known from the frames around.
            more = self.img_landmarks.evidence(features)
            tokens, boxes, valid = tokens + more.tokens, boxes + more.box, None
        x = torch.cat((tokens, boxes[..., None, :]), 2).flatten(0, 1)
        ignore = None if valid is None else functional.pad(~valid, (0, 1)).flatten(0, 1)
        with mixed_precision(x, self.compute_dtype):
            x = self.img_transformer(x, ignore)
        x = x.unflatten(0, lead)
        weak = self.img_traj_regressor(x[:, :, -1].float())
        guess = InitialEstimate(box)
        if prediction is not None:
            weak, guess = weak + prediction.weak, InitialEstimate(box, prediction.weak, self.latents_of(prediction))
        return ImageFeatures(x[:, :, :-1], weak, *full_camera(weak, box), guess)

    def _embed_evidence(self, evidence: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Tokens `[B,T,K,E]` to `[B,T,K',C]`, joined by groups where the configuration says so."""
        groups = self.config.evidence_groups
        if groups is None:
            return self.img_embed(evidence), valid
        joined = evidence[:, :, list(groups)].flatten(-2)  # [B,T,G,members*E]
        weight, bias = (p.unflatten(0, (len(groups), -1)) for p in self.img_embed.parameters())
        tokens = torch.einsum("btge,gce->btgc", joined, weight) + bias
        return tokens, None if valid is None else valid[:, :, list(groups)].any(-1)

    def _image_positions(self, device: torch.device) -> Tensor:
        if self.config.backbone is None:
            return self.img_pos_enc
        return sine_positions(self.config.backbone.grid, self.config.width, device)

    def embed_motion(self, codes: Tensor, canonical: Tensor) -> Tensor:
        """Codes `[B,T,P,D]` (zeros: masked) and canonical trajectory `[B,T,9]` to the motion encoder's input."""
        trajectory = self.m_traj_embed(canonical)[..., None, :]
        return torch.cat((self.m_token_embed(codes), trajectory), 2) + self.m_pos_enc

    def encode_motion(self, codes: Tensor, canonical: Tensor, plain: bool = False) -> MotionFeatures:
        """Codes `[B,T,P,D]` (zeros: masked) and normalised canonical trajectory `[B,T,9]` to features."""
        x = self.embed_motion(codes, canonical)
        with mixed_precision(x, self.compute_dtype):
            x = self.m_transformer(x, plain)
        tokens = self.config.tokenizer.tokens
        return MotionFeatures(x[:, :, :tokens], x[:, :, tokens:], self.m_traj_regressor(x[:, :, tokens].float()))

    def motion_heads(self, motion: MotionFeatures) -> tuple[Tensor, Tensor]:
        """Code logits `[B,T,P,codes]` and contact logits `[B,T,4]` of the motion encoder alone (motion training)."""
        return self.m_pose_regressor(motion.pose), self.m_contact_regressor(motion.trajectory.squeeze(2))

    def embed_trajectory(self, rotation: Tensor, translation: Tensor) -> Tensor:
        """Camera trajectory `[B,T,3,3]`, `[B,T,1,3]` to its decoder token `[B,T,1,C]`."""
        return self.d_traj_embed(torch.cat((rot6d_rows(rotation), translation.squeeze(2)), -1))[..., None, :]

    def decode(
        self,
        pose: Tensor,
        image: Tensor,
        canonical: Tensor,
        camera: Tensor,
        plain: bool = False,
        guess: InitialEstimate | None = None,
    ) -> Decoded:
        """The cross-modal decoder.

        Args:
            pose: `[B,T,P,C]`, from the motion encoder (zeros in image training).
            image: `[B,T,K,C]`, from the image encoder.
            canonical: `[B,T,1,C]`, the motion encoder's trajectory feature (zeros in image training).
            camera: `[B,T,1,C]`, `embed_trajectory` of the coarse trajectory.
            plain: the method as written down, without any saving.
            guess: of the image encoder; needed where the heads speak relative to it.
        """
        tokens = self.config.tokenizer.tokens
        x = self.decoder_positions(torch.cat((pose, image, canonical, camera), 2))
        with mixed_precision(x, self.compute_dtype):
            x = self.d_transformer(x, plain)
        return self.decoder_heads(x[:, :, :tokens], x[:, :, -2], x[:, :, -1], guess)

    def decoder_positions(self, x: Tensor) -> Tensor:
        """Add position codes to `[B,T,P+K+2,C]`: one for each pose token, one for all evidence, one for either end."""
        tokens = self.config.tokenizer.tokens
        row = torch.arange(x.shape[2], device=x.device)
        evidence = x.shape[2] - tokens - 2
        row = torch.where(row < tokens, row, (row - evidence + 1).clamp(min=tokens))
        return x + self.d_pos_enc[:, :, row]

    def decoder_heads(
        self, pose: Tensor, canonical: Tensor, camera: Tensor, guess: InitialEstimate | None = None
    ) -> Decoded:
        """Final features `[B,T,P,C]`, `[B,T,C]`, `[B,T,C]` to what they say, in float32; `guess` as for `decode`."""
        logits, trajectory = self.d_pose_regressor(pose.float()), self.d_traj_regressor(camera.float())
        if guess is not None and guess.weak is not None:
            trust = self.d_code_trust(pose.float()).exp()
            logits, trajectory = logits + trust * self.d_code_prior(guess.codes), trajectory + guess.weak
        if self.config.trajectory_in_box:
            rotation, translation = full_camera(trajectory, guess.box)
        else:
            rotation, translation = matrix_from_rot6d_rows(trajectory[..., :6]), trajectory[..., None, 6:]
        return Decoded(logits, self.d_contact_regressor(canonical.float()), rotation, translation)
