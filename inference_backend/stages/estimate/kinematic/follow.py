"""A motion that a network recovered, fitted to the landmarks: the kinematic fit, told where that motion's bones point.

A network knows what hidden limbs do, and the pose in depth; the landmarks know the rest to the pixel. The fit joins
both with its own knowledge: feet that stand, limits of joints, how bodies move. Shape stays as the network has it.
"""

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from ....body.body import Body
from ....records.context import StageContext
from ..one_thread import one_thread
from .estimate import solve_windows
from .evidence import BONES, Evidence
from .landmarks import figure_of
from .observe import Observed, build_evidence
from .prior import load_prior
from .settings import KinematicSettings
from .solver import Motion, local_rotations
from .start import encode
from .trust import landmark_trust

SETTINGS: Final = KinematicSettings(bone_sigma=0.25, bone_depth_sigma=0.25, view_sigma=0.02)
"""How far the network's bones are trusted. Chosen on synthetic clips."""
_WORLD_SIGMA: Final = 0.25
"""Of the direction of a bone of well visible world landmarks beside the network's."""


def follow(
    body: Body, observed: Observed, rotations: Tensor, pelvis: Tensor, betas: Tensor, iterations: int
) -> tuple[Tensor, Tensor]:
    """Fit M frames on the 30 fps clock.

    Args:
        body: the body.
        observed: landmarks.
        rotations: `[M,22,3,3]`, the pelvis to the camera, then local rotations.
        pelvis: `[M,3]`, camera frame, metres.
        betas: `[10]`.
        iterations: Gauss-Newton steps.

    Returns:
        Rotations and pelvis, fitted, float64.
    """
    settings = replace(SETTINGS, iterations=iterations)
    rotations, pelvis, betas = rotations.double(), pelvis.double(), betas.double()
    figure, prior = figure_of(body), load_prior()
    whole, _ = build_evidence(observed, landmark_trust(observed.rays, observed.visibility, observed.seen, settings))
    _, points, _ = figure.pose(betas, rotations, pelvis)
    turn = torch.eye(3, dtype=torch.float64) if whole.turn is None else whole.turn[0]
    root, place = turn @ rotations[:, 0], (turn @ pelvis[..., None])[..., 0]
    start = Motion(place[None], root[None], encode(prior, rotations)[None], betas[None])
    with one_thread():
        told = _with_bones(whole, (turn[..., None, :, :] @ points[..., None])[..., 0])
        found = solve_windows(figure, prior, told, start, settings, StageContext(device="cpu"))
    local, _ = local_rotations(prior, found.z[0])
    root, place = turn.mT @ found.root[0], (turn.mT @ found.pelvis[0, ..., None])[..., 0]
    return torch.cat((root[:, None], local), 1), place


def _with_bones(evidence: Evidence, points: Tensor) -> Evidence:
    """Evidence whose bones point where those of landmarks `[M,33,3]` (the motion's axes) do, and partly where those of
    the world landmarks do, by what each is worth."""
    vectors = BONES @ points
    unit = vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    known = (evidence.view[0][:, None] @ unit[..., None])[..., 0]
    share = (SETTINGS.bone_sigma / _WORLD_SIGMA * evidence.bone_trust[0, ..., None]) ** 2
    mixed = known + share * evidence.bones[0]
    bones = torch.nn.functional.normalize(mixed, dim=-1, eps=1e-6)
    return replace(evidence, bones=bones[None], bone_trust=torch.ones_like(evidence.bone_trust))
