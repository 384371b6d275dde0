"""Proportions that the body's shapes lack: limbs, trunk and widths of landmarks stretched a little, directions kept.

Shapes of the open body change the ratio of a limb to the stature by 2 to 3 %; people, and a landmarker's own idea of
where joints are, differ by more. Directions of bones are what is learned, and they stay as they are.
"""

from typing import Final

import torch
from torch import Tensor

from ...geometry.blazepose import HIPS, INDEX, SHOULDERS
from .noise import normal

_HEAD: Final = tuple(range(INDEX["mouth_right"] + 1))
_WIDTH, _TRUNK, _ALIKE = 0.07, 0.05, 0.02
"""Standard deviations of the logarithm: of the widths of hips and shoulders, of the trunk, between left and right."""
_CHAINS: Final = (
    ("shoulder", ("elbow",), 0.07), ("elbow", ("wrist",), 0.07), ("hip", ("knee",), 0.05), ("knee", ("ankle",), 0.06),
    ("wrist", ("pinky", "index", "thumb"), 0.1), ("ankle", ("heel", "foot_index"), 0.1),
)  # fmt: skip


def stretched(points: Tensor, generator: torch.Generator) -> Tensor:
    """Landmarks `[B,T,33,3]` of people of other proportions, one for each window."""
    batch = len(points)

    def factor(spread: float) -> Tensor:
        return torch.exp(spread * normal((batch, 1, 1), generator))

    out = points.clone()
    hips, shoulders = (points[:, :, pair].mean(2, keepdim=True) for pair in (HIPS, SHOULDERS))
    moved = hips + factor(_TRUNK)[..., None] * (shoulders - hips)
    out[:, :, HIPS] = hips + factor(_WIDTH)[..., None] * (points[:, :, HIPS] - hips)
    out[:, :, SHOULDERS] = moved + factor(_WIDTH)[..., None] * (points[:, :, SHOULDERS] - shoulders)
    out[:, :, _HEAD] = moved + points[:, :, _HEAD] - shoulders
    for parent, children, spread in _CHAINS:
        both = factor(spread)
        for side in ("left", "right"):
            end = INDEX[f"{side}_{parent}"]
            others = [INDEX[f"{side}_{child}"] for child in children]
            arms = points[:, :, others] - points[:, :, end : end + 1]
            out[:, :, others] = out[:, :, end : end + 1] + (both * factor(_ALIKE))[..., None] * arms
    return out
