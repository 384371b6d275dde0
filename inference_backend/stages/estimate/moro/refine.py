"""Optional refinement: the kinematic solver turns a recovered motion towards the landmarks that are well visible.

Only reprojection pulls. The solver works in its prior's pose space; the change that it makes there is applied to the
motion as it is, so that detail which that space lacks is kept.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....body.body import Body
from ..kinematic.evidence import BONES, Evidence
from ..kinematic.landmarks import figure_of
from ..kinematic.observe import Observed
from ..kinematic.prior import load_prior
from ..kinematic.settings import KinematicSettings
from ..kinematic.solver import Motion, Solver, local_rotations
from ..kinematic.start import encode
from ..kinematic.windows import merge, stack_evidence, stack_motion, window_spans
from .settings import MoroSettings


def refine(
    body: Body, observed: Observed, rotations: Tensor, pelvis: Tensor, betas: Tensor, settings: MoroSettings
) -> tuple[Tensor, Tensor]:
    """Refine M frames on the 30 fps clock.

    Args:
        body: the body.
        observed: landmarks.
        rotations: `[M,22,3,3]`, the pelvis to the camera, then local rotations.
        pelvis: `[M,3]`, camera frame, metres.
        betas: `[10]`.
        settings: visibility threshold and iterations.

    Returns:
        Rotations and pelvis, refined, float64.
    """
    figure, prior, solver_settings = figure_of(body), load_prior(), KinematicSettings()
    rotations, pelvis, betas = rotations.double(), pelvis.double(), betas.double()
    clear = observed.seen[:, None] & (observed.visibility >= settings.refine_visibility)
    if not clear.any():
        return rotations, pelvis
    evidence = _reprojection_only(observed, clear)
    start = Motion(pelvis[None], rotations[None, :, 0], encode(prior, rotations)[None], betas[None])
    pieces = []
    spans = window_spans(len(pelvis), solver_settings)
    for span in spans:
        motion = stack_motion(start, [span])
        solver = Solver(figure, prior, stack_evidence(evidence, [span]), solver_settings)
        for _ in range(settings.refine_iterations):
            motion = solver.step(motion, 1.0)
        pieces.append(motion)
    found = merge(pieces, spans, len(pelvis))
    before, _ = local_rotations(prior, start.z[0])
    after, _ = local_rotations(prior, found.z[0])
    turned = rotations[:, 1:] @ before.mT @ after
    return torch.cat((found.root[0][:, None], turned), 1), found.pelvis[0]


def _reprojection_only(observed: Observed, clear: NDArray[np.bool_]) -> Evidence:
    """Rays of the well visible landmarks as one window; no say for the bones of world landmarks."""
    n_frames = len(clear)
    bones = torch.zeros(1, n_frames, len(BONES), 3, dtype=torch.float64)
    view = torch.eye(3, dtype=torch.float64).expand(1, n_frames, 3, 3)
    trust = torch.from_numpy(clear.astype(np.float64))[None]
    present = torch.ones(1, n_frames, dtype=torch.float64)
    return Evidence(torch.from_numpy(observed.rays)[None], trust, bones, bones[..., 0], view, present)
