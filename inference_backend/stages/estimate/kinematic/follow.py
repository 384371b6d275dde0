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
from ....models.moro.landmark_encoder import Witness
from ....records.context import StageContext
from ...one_thread import one_thread
from .estimate import fit_shape, solve_windows
from .evidence import Evidence
from .landmarks import figure_of
from .observe import Observed, build_evidence
from .prior import load_prior
from .settings import KinematicSettings
from .shape_prior import known_size
from .solver import Motion, local_rotations
from .start import encode
from .trust import landmark_trust

SETTINGS: Final = KinematicSettings(bone_sigma=0.25, bone_depth_sigma=0.25, view_sigma=0.02, prior_scale=1.5)
"""How far the bones of a network's motion are trusted; how bodies usually move counts less than where no network knows.
All figures here were chosen on synthetic clips."""
_WORLD_SIGMA: Final = 0.25
"""Of the direction of a bone of well visible world landmarks beside the network's."""
_BONE_DOUBT, _LANDMARK_DOUBT = 1.5, 0.5
"""Factors on what a network itself says of errors: of its bones, which stay wrong for many frames, and of landmarks,
whose restlessness and visibility count beside it."""
_SIZE_SIGMA, _PROPORTIONS_SIGMA = 0.2, 2.0
"""How far a network's betas are off, in the body's standard deviations."""


def follow(
    body: Body,
    observed: Observed,
    rotations: Tensor,
    pelvis: Tensor,
    betas: Tensor,
    iterations: int,
    witness: Witness | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fit M frames on the 30 fps clock.

    Args:
        body: the body.
        observed: landmarks.
        rotations: `[M,22,3,3]`, the pelvis to the camera, then local rotations.
        pelvis: `[M,3]`, camera frame, metres.
        betas: `[10]`.
        iterations: Gauss-Newton steps.
        witness: what the network makes of the landmarks; None where it says nothing of them.

    Returns:
        Rotations, pelvis and betas, fitted, float64.
    """
    settings = replace(SETTINGS, iterations=iterations)
    rotations, pelvis, betas = rotations.double(), pelvis.double(), betas.double()
    figure, prior = figure_of(body), load_prior()
    trust = landmark_trust(observed.rays, observed.visibility, observed.seen, settings)
    if witness is not None:
        trust = _believed(trust, witness)
    whole, _ = build_evidence(observed, trust)
    _, points, _ = figure.pose(betas, rotations, pelvis)
    turn = torch.eye(3, dtype=torch.float64) if whole.turn is None else whole.turn[0]
    root, place = turn @ rotations[:, 0], (turn @ pelvis[..., None])[..., 0]
    start = Motion(place[None], root[None], encode(prior, rotations)[None], betas[None])
    with one_thread():
        told = _with_bones(whole, (turn[..., None, :, :] @ points[..., None])[..., 0], witness)
        known = known_size(figure, betas, _SIZE_SIGMA, _PROPORTIONS_SIGMA)
        betas = fit_shape(figure, prior, told, start, settings, known)
        start = replace(start, betas=betas[None])
        found = solve_windows(figure, prior, told, start, settings, StageContext(device="cpu"))
    local, _ = local_rotations(prior, found.z[0])
    root, place = turn.mT @ found.root[0], (turn.mT @ found.pelvis[0, ..., None])[..., 0]
    return torch.cat((root[:, None], local), 1), place, betas


def _believed(trust: NDArray[np.float64], witness: Witness) -> NDArray[np.float64]:
    """Trust of landmarks `[M,33]`, less where the network doubts them."""
    sigma = _LANDMARK_DOUBT * witness.landmark_sigma.double().numpy()
    return trust * SETTINGS.landmark_sigma / np.hypot(SETTINGS.landmark_sigma, sigma)


def _with_bones(evidence: Evidence, points: Tensor, witness: Witness | None) -> Evidence:
    """Evidence whose bones point where the network and the world landmarks say, by what each is worth.

    The network speaks through its witness, and else through the landmarks `[M,33,3]` of its motion (the motion's axes).
    """
    view = evidence.view[0][:, None]
    told = [(evidence.bones[0], (evidence.bone_trust[0] / _WORLD_SIGMA) ** 2)]
    if witness is None:
        bones = torch.nn.functional.normalize(BONES @ points, dim=-1, eps=1e-6)[..., None]
        told.append(((view @ bones)[..., 0], torch.full_like(evidence.bone_trust[0], SETTINGS.bone_sigma**-2)))
    else:
        bones = witness.bones.double()[..., None]
        if evidence.turn is not None:
            bones = evidence.turn[0][:, None] @ bones
        told.append(((view @ bones)[..., 0], (_BONE_DOUBT * witness.bone_sigma.double()) ** -2))
    bones = torch.nn.functional.normalize(sum(weight[..., None] * bone for bone, weight in told), dim=-1, eps=1e-6)
    trust = SETTINGS.bone_sigma * sum(weight for _, weight in told).sqrt()
    return replace(evidence, bones=bones[None], bone_trust=trust[None])
