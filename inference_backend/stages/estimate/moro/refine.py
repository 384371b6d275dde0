"""Optional refinement: a recovered motion is turned towards the landmarks that are well visible, and made smooth.

Only reprojection pulls. What is solved for is the change, by Gauss-Newton over windows: small in each frame, so that
limbs that nobody sees stay about where they are, and such that the changed motion has plausible accelerations.
"""

from typing import Final

import numpy as np
import roma
import torch
from torch import Tensor

from ....body.body import Body
from ....geometry.clock import CLOCK_FPS
from ..kinematic.banded import Chain
from ..kinematic.figure import Figure
from ..kinematic.landmarks import figure_of
from ..kinematic.observe import Observed
from ..kinematic.settings import KinematicSettings
from ..kinematic.solver import Motion, robust
from ..kinematic.trust import landmark_trust
from ..kinematic.windows import merge, window_spans
from .settings import MoroSettings

_JOINTS: Final = 22
_UNKNOWNS: Final = 3 + 3 * _JOINTS
_NEAREST: Final = 0.3
"""Metres; points nearer to the camera are treated as if there."""
_START_TOLERANCE: Final = 2.0
_CHANGE: Final = (0.2, 0.2, 0.5, *[0.2] * (3 * _JOINTS))
"""Standard deviation of the change: of the pelvis' place in metres, then of every joint's turn in radians."""
_ACCELERATION: Final = (4.0, 4.0, 4.0, *[20.0] * 3, *[30.0] * (3 * _JOINTS - 3))
"""Standard deviation of the same quantities' second derivatives: m/s^2, rad/s^2."""
_LONGEST_STEP: Final = 0.5


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
    rotations, pelvis, betas = rotations.double(), pelvis.double(), betas.double()
    trust = landmark_trust(observed.rays, observed.visibility, observed.seen, KinematicSettings())
    clear = torch.from_numpy(np.where(observed.visibility >= settings.refine_visibility, trust, 0.0))
    if not clear.any():
        return rotations, pelvis
    figure, rays = figure_of(body), torch.from_numpy(observed.rays)
    pieces = []
    spans = window_spans(len(pelvis), KinematicSettings())
    for span in spans:
        part = slice(*span)
        found = _change(figure, rays[part], clear[part], rotations[part], pelvis[part], betas, settings)
        none = torch.eye(3, dtype=found.dtype).expand(1, len(found), 3, 3)
        pieces.append(Motion(found[None, :, :3], none, found[None, :, 3:], betas[None]))
    change = merge(pieces, spans, len(pelvis))
    return _turned(rotations, change.z[0]), pelvis + change.pelvis[0]


def _turned(rotations: Tensor, turns: Tensor) -> Tensor:
    """Rotations `[T,22,3,3]` turned by rotation vectors `[T,66]` in their own axes."""
    return rotations @ roma.rotvec_to_rotmat(turns.unflatten(-1, (_JOINTS, 3)))


def _change(
    figure: Figure,
    rays: Tensor,
    clear: Tensor,
    rotations: Tensor,
    pelvis: Tensor,
    betas: Tensor,
    settings: MoroSettings,
) -> Tensor:
    """Change of the pelvis' place and all turns in a window, `[T,69]`."""
    sigma = KinematicSettings().landmark_sigma
    outlier = KinematicSettings().outlier_sigmas
    hold = torch.tensor(_CHANGE, dtype=torch.float64) ** -2
    smooth = (torch.tensor(_ACCELERATION, dtype=torch.float64) / CLOCK_FPS**2) ** -2
    change = pelvis.new_zeros(len(pelvis), _UNKNOWNS)
    for i in range(settings.refine_iterations):
        now, place = _turned(rotations, change[:, 3:]), pelvis + change[:, :3]
        joints, points, turned = figure.pose(betas, now, place)
        depth = points[..., 2:].clamp_min(_NEAREST)
        model = points[..., :2] / depth
        miss = (model - rays) * depth
        shift = torch.eye(3, dtype=points.dtype).expand(*points.shape, 3)
        J = torch.cat((shift, figure.by_turn(points, joints, turned)), -1)
        J = J[..., :2, :] - model[..., None] * J[..., 2:, :]
        tolerance = _START_TOLERANCE ** max(0.0, 1 - 2 * i / settings.refine_iterations)
        scaled = clear / sigma
        root = (robust(miss.square().sum(-1) * scaled**2, outlier * tolerance).sqrt() * scaled)[..., None]
        A, r = (J * root[..., None]).flatten(1, 2), (miss * root).flatten(1, 2)
        chain = Chain.zeros(1, len(pelvis), _UNKNOWNS, change)
        chain.same[0] = A.mT @ A
        chain.pull[0] = -(A.mT @ r[..., None])[..., 0] - hold * change
        chain.same[0].diagonal(dim1=-2, dim2=-1).add_(hold)
        _add_smoothness(chain, now, place, smooth)
        change = change + chain.solve()[0, ..., 0].clamp(-_LONGEST_STEP, _LONGEST_STEP)
    return change


def _add_smoothness(chain: Chain, rotations: Tensor, pelvis: Tensor, weight: Tensor) -> None:
    """Second differences of place and turns `[T-2,69]`, each weighted."""
    if len(pelvis) < 3:
        return
    turns = roma.rotmat_to_rotvec(rotations[:-1].mT @ rotations[1:]).flatten(1)
    pull = weight * torch.cat((pelvis.diff(dim=0), turns), 1).diff(dim=0)
    size, pattern = len(pull), (1.0, -2.0, 1.0)
    blocks = (chain.same, chain.next1, chain.next2)
    for i, a in enumerate(pattern):
        chain.pull[0, i : i + size] -= a * pull
        for j in range(i, len(pattern)):
            blocks[j - i][0, i : i + size].diagonal(dim1=-2, dim2=-1).add_(a * pattern[j] * weight)
