"""A motion that a network recovered, fitted to the landmarks: the kinematic fit, told where that motion's bones point.

A network knows what hidden limbs do, the pose in depth, and which landmarks are false; the landmarks know the rest to
the pixel, and the body's proportions. The fit joins both with its own knowledge: feet that stand, limits of joints, how
bodies move. The size, which nobody sees, stays nearly as the network has it.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....body.body import Body
from ....geometry.blazepose_bones import BONES
from ....models.moro.evidence.landmark_encoder import LandmarkUncertainty
from ....records.context import StageContext
from ...one_thread import one_thread
from .estimate import fit_shape, solve_windows
from .evidence import Evidence
from .figure import Figure
from .initialise import encode
from .landmark_weights import landmark_weights
from .landmarks import figure_of
from .observations import Observations, build_evidence
from .prior import load_prior
from .settings import KinematicSettings
from .solver import Motion, local_rotations

SETTINGS: Final = KinematicSettings(
    bone_sigma=0.25, bone_depth_sigma=0.25, view_sigma=0.02, prior_scale=1.5, size_sigma=0.2, proportions_sigma=2.0
)
"""How far the bones and the size of a network's motion are trusted; how bodies usually move counts less than where no
network knows. All figures here were chosen on synthetic clips."""
_WORLD_SIGMA: Final = 0.25
"""Of the direction of a bone of well visible world landmarks beside the network's."""
_BONE_DOUBT, _LANDMARK_DOUBT = 1.5, 0.5
"""Factors on what a network itself says of errors: of its bones, which stay wrong for many frames, and of landmarks,
whose restlessness and visibility count beside it."""


@one_thread()
def refine(
    body: Body,
    observed: Observations,
    rotations: Tensor,
    pelvis: Tensor,
    betas: Tensor,
    iterations: int,
    uncertainty: LandmarkUncertainty | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fit M frames on the 30 fps clock.

    Args:
        body: the body.
        observed: landmarks.
        rotations: `[M,22,3,3]`, the pelvis to the camera, then local rotations.
        pelvis: `[M,3]`, camera frame, metres.
        betas: `[10]`.
        iterations: Gauss-Newton steps.
        uncertainty: what the network makes of the landmarks; None where it says nothing of them.

    Returns:
        Rotations, pelvis and betas, fitted, float64.
    """
    settings = replace(SETTINGS, iterations=iterations)
    rotations, pelvis, betas = rotations.double(), pelvis.double(), betas.double()
    figure, prior = figure_of(body), load_prior()
    weights = landmark_weights(observed.rays, observed.visibility, observed.seen, settings)
    if uncertainty is not None:
        weights = _believed(weights, uncertainty)
    whole, _ = build_evidence(observed, weights)
    turn = torch.eye(3, dtype=torch.float64) if whole.turn is None else whole.turn[0]
    root, place = turn @ rotations[:, 0], (turn @ pelvis[..., None])[..., 0]
    start = Motion(place[None], root[None], encode(prior, rotations)[None], betas[None])
    bones, bone_weights = (
        _motion_bones(figure, betas, rotations, pelvis) if uncertainty is None else _network_bones(uncertainty)
    )
    told = _with_bones(whole, turn @ bones.mT, bone_weights)
    betas = fit_shape(figure, prior, told, start, settings)
    start = replace(start, betas=betas[None])
    found = solve_windows(figure, prior, told, start, settings, StageContext(device="cpu"))
    local, _ = local_rotations(prior, found.z[0])
    root, place = turn.mT @ found.root[0], (turn.mT @ found.pelvis[0, ..., None])[..., 0]
    return torch.cat((root[:, None], local), 1), place, betas


def _believed(weights: NDArray[np.float64], uncertainty: LandmarkUncertainty) -> NDArray[np.float64]:
    """Weights of landmarks `[M,33]`, less where the network doubts them."""
    sigma = _LANDMARK_DOUBT * uncertainty.landmark_sigma.double().numpy()
    return weights * SETTINGS.landmark_sigma / np.hypot(SETTINGS.landmark_sigma, sigma)


def _motion_bones(figure: Figure, betas: Tensor, rotations: Tensor, pelvis: Tensor) -> tuple[Tensor, Tensor]:
    """Directions `[M,Nb,3]` of a motion's bones, each frame's camera axes, and their weights `[M,Nb]`."""
    _, points, _ = figure.pose(betas, rotations, pelvis)
    bones = torch.nn.functional.normalize(BONES @ points, dim=-1, eps=1e-6)
    return bones, torch.full_like(bones[..., 0], SETTINGS.bone_sigma**-2)


def _network_bones(uncertainty: LandmarkUncertainty) -> tuple[Tensor, Tensor]:
    """As `_motion_bones`, of what the network itself says."""
    return uncertainty.bones.double(), (_BONE_DOUBT * uncertainty.bone_sigma.double()) ** -2


def _with_bones(evidence: Evidence, bones: Tensor, weight: Tensor) -> Evidence:
    """Evidence whose bones point where the network `[M,3,Nb]` (the motion's axes) and the world landmarks say, by what
    each is worth."""
    world = (evidence.bone_weights[0] / _WORLD_SIGMA) ** 2
    mixed = weight[..., None] * (evidence.view[0] @ bones).mT + world[..., None] * evidence.bones[0]
    mixed = torch.nn.functional.normalize(mixed, dim=-1, eps=1e-6)
    return replace(evidence, bones=mixed[None], bone_weights=SETTINGS.bone_sigma * (weight + world).sqrt()[None])
