"""Mesh-VQ-VAE: a body mesh as a fixed number of discrete tokens (MoRo section 3.1)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import TokenizerConfig
from .connections import Connections
from .mesh_autoencoder import MeshAutoencoder
from .quantizer import Codebook

_COMMITMENT_WEIGHT = 0.25


class TokenizerLoss(NamedTuple):
    """Loss of one training step, and its parts: `total = vertex + 0.25 commitment`."""

    total: Tensor
    vertex: Tensor
    commitment: Tensor
    perplexity: Tensor


class MeshTokenizer(nn.Module):
    """Codes meshes that have identity orientation and the pelvis at the origin, in metres (pose and shape together)."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.fully_conv_ae = MeshAutoencoder(config)
        self.vq_vae = Codebook(config.codes, config.code_size)

    def set_connections(self, connections: Connections) -> None:
        """Attach the neighbour tables of the mesh; needed before any mesh goes in or out."""
        self.fully_conv_ae.set_connections(connections)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Random start for training; `set_connections` must have been called."""
        self.fully_conv_ae.reset_parameters(generator)
        self.vq_vae.reset_parameters(generator)

    def encode(self, mesh: Tensor) -> Tensor:
        """Meshes `[N,P,3]` to token ids int64 `[N,K]`."""
        return self.vq_vae.nearest(self.fully_conv_ae.encode(mesh))

    def decode(self, ids: Tensor) -> Tensor:
        """Token ids `[N,K]` to meshes `[N,P,3]`."""
        return self.decode_codes(self.vq_vae.lookup(ids))

    def decode_codes(self, codes: Tensor) -> Tensor:
        """Code vectors `[...,K,D]` to meshes `[...,P,3]`."""
        mesh = self.fully_conv_ae.decode(codes.flatten(0, -3))
        return mesh.unflatten(0, codes.shape[:-2])

    def training_step(self, mesh: Tensor) -> TokenizerLoss:
        """Loss of a batch `[N,P,3]`: mean vertex distance in metres plus the commitment; moves the codebook."""
        quantized = self.vq_vae(self.fully_conv_ae.encode(mesh))
        rebuilt = self.fully_conv_ae.decode(quantized.codes)
        vertex = torch.linalg.vector_norm(rebuilt - mesh, dim=-1).mean()
        total = vertex + _COMMITMENT_WEIGHT * quantized.commitment
        return TokenizerLoss(total, vertex, quantized.commitment, quantized.perplexity)
