"""MoRo: masked modelling of human motion tokens from partial visual evidence, as one module with all weights."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...body.body import Body
from .config import MoroConfig
from .evidence.backbone import Backbone
from .evidence.landmark_encoder import BodyPrediction
from .layers.precision import cast_products, mixed_precision
from .mesh.posed_mesh import PosedMesh
from .motion.dst_former import DstFormer, ImageFeatures
from .motion.trajectory import TrajectoryStatistics
from .tokenizer.connections import Connections
from .tokenizer.mesh_tokenizer import MeshTokenizer
from .tokenizer.smoother import Smoother


class MaskTransformer(nn.Module):
    """The transformers and their table of input codes: the codebook, then a zero row for MASK; frozen."""

    def __init__(self, config: MoroConfig) -> None:
        super().__init__()
        self.token_emb = nn.Embedding(config.tokenizer.codes + 1, config.tokenizer.code_size)
        self.token_emb.requires_grad_(False)
        self.dst_former = DstFormer(config)


class Moro(nn.Module):
    """The whole network. Parameter names are those of the released state dict.

    Connections and trajectory statistics are not weights: set them after loading.

    Attributes:
        vertex_ids: int64 `[V]`, which of the body's vertices the tokenizer's mesh has.
    """

    vertex_ids: NDArray[np.int64]

    def __init__(self, config: MoroConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone) if config.backbone else None
        self.vqvae = MeshTokenizer(config.tokenizer)
        self.mask_transformer = MaskTransformer(config)
        self.smoother = Smoother(config.tokenizer.code_size, config.smoother_width)
        self.register_buffer("trajectory_mean", torch.zeros(9), persistent=False)
        self.register_buffer("trajectory_std", torch.ones(9), persistent=False)

    @property
    def dst_former(self) -> DstFormer:
        """The transformers with their heads."""
        return self.mask_transformer.dst_former

    @property
    def statistics(self) -> TrajectoryStatistics:
        """With which canonical trajectories are normalised."""
        return TrajectoryStatistics(self.trajectory_mean, self.trajectory_std)

    def set_statistics(self, statistics: TrajectoryStatistics) -> None:
        """Set how canonical trajectories are normalised; means and deviations of nine numbers each."""
        device = self.mask_transformer.token_emb.weight.device
        self.trajectory_mean = statistics.mean.reshape(9).to(device=device, dtype=torch.float32)
        self.trajectory_std = statistics.std.reshape(9).to(device=device, dtype=torch.float32)

    def set_connections(self, connections: Connections) -> None:
        """Attach the neighbour tables of the tokenizer's mesh, and note which of the body's vertices it has."""
        self.vqvae.set_connections(connections)
        ids = connections.vertex_ids
        self.vertex_ids = np.arange(connections.points[0]) if ids is None else ids

    def set_body(self, body: Body) -> None:
        """Say which body the landmark encoder's poses are of; needed where there is one. Connections come first."""
        mesh = PosedMesh(body, self.vertex_ids.tolist())

        @torch.no_grad()
        def latents_of(prediction: BodyPrediction) -> Tensor:
            meshes = mesh(prediction.betas[:, None], prediction.local)
            return self.vqvae.fully_conv_ae.encode(meshes.flatten(0, 1)).unflatten(0, meshes.shape[:2])

        self.dst_former.latents_of = latents_of

    @torch.no_grad()
    def tie_token_table(self) -> None:
        """Rebuild the table of input codes from the tokenizer's codebook."""
        self.mask_transformer.token_emb.weight[:-1] = self.vqvae.vq_vae.codes
        self.mask_transformer.token_emb.weight[-1] = 0

    def set_precision(self, dtype: torch.dtype) -> None:
        """Choose float32, or bfloat16 for the products inside the transformers."""
        self.dst_former.compute_dtype = dtype
        for part in (
            self.backbone,
            self.dst_former.m_transformer,
            self.dst_former.img_transformer,
            self.dst_former.d_transformer,
        ):
            if part is not None:
                cast_products(part, dtype)

    @property
    def codebook(self) -> Tensor:
        """`[codes,D]`."""
        return self.mask_transformer.token_emb.weight[:-1]

    def codes(self, ids: Tensor) -> Tensor:
        """Input codes `[...,D]` of token ids `[...]`; MASK gives zeros."""
        return self.mask_transformer.token_emb(ids)

    def evidence_tokens(self, evidence: Tensor) -> Tensor:
        """Evidence of frames as tokens `[N,K,E]`: crops uint8 `[N,S,S,3]` go through the backbone, tokens pass."""
        if self.backbone is None:
            return evidence
        with mixed_precision(evidence, self.dst_former.compute_dtype):
            return self.backbone(evidence)

    def encode_image(self, evidence: Tensor, valid: Tensor | None, box: Tensor) -> ImageFeatures:
        """Image features of a clip from crops `[B,T,S,S,3]` or tokens `[B,T,K,E]`, mask and box feature `[B,T,3]`."""
        tokens = self.evidence_tokens(evidence.flatten(0, 1)).unflatten(0, evidence.shape[:2])
        return self.dst_former.encode_image(tokens.float(), valid, box)

    def meshes(self, codes: Tensor) -> Tensor:
        """Smoothed code vectors `[...,P,D]` to local meshes `[...,V,3]`, metres, pelvis at the origin."""
        return self.vqvae.decode_codes(codes)
