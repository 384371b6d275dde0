"""Rope's pose as seed tokens for MoRo: encoded by MoRo's own tokenizer, kept where the parts they shape are seen."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....body.body import Body
from ....models.moro.network import Moro
from ....models.rope.parts import PART_JOINTS, vertex_labels
from .settings import LinkSettings

_TRIED: Final = 6
_MOVED: Final = 0.25
"""Share of a token's largest effect on any part from which a part counts as shaped by it."""
_FRAMES_AT_ONCE: Final = 100
_measured: dict[str, Tensor] = {}
"""Influence of the tokens of the weights used last, by their checksum: all people of a clip share it."""


@torch.no_grad()
def token_influence(model: Moro, labels: Tensor) -> Tensor:
    """Which parts each token shapes, measured by giving it other codes.

    Args:
        model: the network.
        labels: int64 `[V]`, of the 24 parts, for the vertices of its meshes.

    Returns:
        bool `[P,24]` for P tokens; every token shapes at least one part.
    """
    tokens, codes = model.config.tokenizer.tokens, model.config.tokenizer.codes
    generator = torch.Generator().manual_seed(0)
    device = model.trajectory_mean.device
    draws = torch.randint(0, codes, (_TRIED, tokens), generator=generator).to(device)
    other = torch.randint(0, codes, (_TRIED, tokens), generator=generator).to(device)
    moved = torch.zeros(tokens, len(PART_JOINTS), device=device)
    members = torch.bincount(labels, minlength=len(PART_JOINTS)).clamp_min(1).to(device)
    own = torch.arange(tokens, device=device)
    for ids, changed in zip(draws, other, strict=True):
        swapped = ids.repeat(tokens, 1)
        swapped[own, own] = changed
        away = (model.vqvae.decode(swapped) - model.vqvae.decode(ids[None])).norm(dim=-1)
        moved.index_add_(1, labels.to(device), away)
    mean = moved / members
    return (mean >= _MOVED * mean.amax(1, keepdim=True)).cpu()


def influence_of(checksum: str, model: Moro, vertex_ids: NDArray[np.int64], body: Body) -> Tensor:
    """`token_influence` of the weights with this checksum, measured once; seconds."""
    if checksum not in _measured:
        labels = vertex_labels(body).cpu()[torch.from_numpy(np.ascontiguousarray(vertex_ids))]
        influence = token_influence(model, labels)
        _measured.clear()
        _measured[checksum] = influence
    return _measured[checksum]


@torch.no_grad()
def seed_tokens(
    model: Moro,
    shaped: Tensor,
    vertex_ids: NDArray[np.int64],
    body: Body,
    betas: Tensor,
    rotations: Tensor,
    visibility: NDArray[np.float64],
    reprojection: NDArray[np.floating],
    settings: LinkSettings,
) -> tuple[Tensor, Tensor]:
    """Seeds for T frames.

    Args:
        model: MoRo.
        shaped: bool `[P,24]`, which parts each token shapes (`token_influence`).
        vertex_ids: which of the body's vertices its meshes have.
        body: the body.
        betas: `[10]`; rotations: `[T,22,3,3]`, of which the pelvis' is left out.
        visibility: `[T,22]`, 0..1, of the body joints; fingers count as the wrists.
        reprojection: `[T]`, Rope's miss in box sides, NaN where not seen.
        settings: thresholds.

    Returns:
        Token ids int64 `[T,P]`, MASK where there is no seed, and their scores `[T,P]`: the least visibility of the
        parts that a token shapes.
    """
    seen = torch.from_numpy(np.concatenate((visibility, visibility[:, -2:]), axis=1)).float()
    trust = torch.where(shaped[None], seen[:, None], 1.0).amin(-1)
    good = torch.from_numpy(np.nan_to_num(reprojection, nan=np.inf) <= settings.seed_reprojection)
    keep = (trust >= settings.seed_visibility) & good[:, None]
    ids = torch.full(keep.shape, model.config.mask_id)
    for part in keep.any(1).nonzero().squeeze(1).split(_FRAMES_AT_ONCE):
        ids[part] = model.vqvae.encode(_local_meshes(body, vertex_ids, betas, rotations[part], model)).cpu()
    return ids.masked_fill(~keep, model.config.mask_id), trust * keep


def _local_meshes(body: Body, vertex_ids: NDArray[np.int64], betas: Tensor, rotations: Tensor, model: Moro) -> Tensor:
    """Meshes `[N,V,3]` as the tokenizer codes them: no orientation, the pelvis at the origin."""
    count = len(rotations)
    betas, pose = betas.to(body.v_template), rotations[:, 1:].to(body.v_template)
    upright = torch.eye(3).to(pose).expand(count, 3, 3)
    at = -body.rest_joints(betas)[0]
    vertices = body(betas.expand(count, -1), upright, pose, at.expand(count, 3)).vertices
    return vertices[:, vertex_ids].to(model.trajectory_mean.device)
