"""What the optimiser is told: landmarks as rays and bones as directions, each with how far it can be trusted."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from ....geometry.blazepose import LANDMARKS

USED: Final[tuple[int, ...]] = tuple(
    i for i, name in enumerate(LANDMARKS) if not any(word in name for word in ("inner", "outer", "mouth"))
)
"""Landmarks used as evidence: nose, eyes, ears and everything below."""


@dataclass(frozen=True)
class Evidence:
    """Evidence for B windows of T frames at 30 fps; P = 33 landmarks, zeros where there is none. float64.

    Attributes:
        rays: `[B,T,P,2]`, undistorted x/z, y/z.
        weights: `[B,T,P]`, 1 / sigma in units of the landmark sigma: 1 for a well visible landmark, 0 for none.
        bones: `[B,T,Nb,3]`, unit directions of the world landmarks' bones in the person's view.
        bone_weights: `[B,T,Nb]`, as `weights`.
        view: `[B,T,3,3]`, rotation from the motion's axes into the view that looks straight at the person.
        present: `[B,T]`, 1 where the frame is part of the clip, 0 where it only fills a window up.
        turn: `[B,T,3,3]`, rotation from each frame's camera axes to the motion's; None where they are the same.
    """

    rays: Tensor
    weights: Tensor
    bones: Tensor
    bone_weights: Tensor
    view: Tensor
    present: Tensor
    turn: Tensor | None = None

    def seen_from_camera(self, vectors: Tensor) -> Tensor:
        """Columns `[B,T,...,3,n]` in the motion's axes, or derivatives, in each frame's camera axes."""
        if self.turn is None:
            return vectors
        back = self.turn.mT
        return back.reshape(*back.shape[:2], *[1] * (vectors.ndim - 4), 3, 3) @ vectors


def view_rotation(rays: Tensor) -> Tensor:
    """Rotations `[...,3,3]` from the camera into the view along the ray `[...,2]`, its x axis level."""
    forward = torch.nn.functional.normalize(torch.cat([rays, torch.ones_like(rays[..., :1])], dim=-1), dim=-1)
    down = torch.tensor([0.0, 1.0, 0.0], dtype=rays.dtype).expand_as(forward)
    right = torch.nn.functional.normalize(torch.linalg.cross(down, forward), dim=-1)
    return torch.stack([right, torch.linalg.cross(forward, right), forward], dim=-2)
