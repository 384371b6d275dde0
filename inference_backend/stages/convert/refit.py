"""Gauss-Newton: the shape and the poses with which one figure comes nearest to another's joints and places."""

from dataclasses import dataclass
from typing import Final

import roma
import torch
from torch import Tensor

from ..estimate.kinematic.figure import Figure

_POSITION_M: Final = 0.01
"""How far a joint may be off, against _TURN."""
_TURN: Final = 0.1
"""Radians by which a joint may leave the rotation that it had: bodies do not agree on where a joint is, so the places
alone would bend it."""
_BETA: Final = 3.0
"""Betas are held by this many standard deviations: what keeps a shape that nothing shows near the mean."""
_SHAPE_FRAMES: Final = 200
_FRAMES_AT_ONCE: Final = 512
_STEPS: Final = 3
_JOINTS: Final = 22


@dataclass(frozen=True)
class Pose:
    """N poses of one shape. float64.

    Attributes:
        betas: `[10]`.
        rotations: `[N,22,3,3]`, the pelvis global, the others local.
        pelvis: `[N,3]`, metres.
    """

    betas: Tensor
    rotations: Tensor
    pelvis: Tensor

    def points(self, figure: Figure) -> Tensor:
        """Points `[N,P,3]` of a figure in these poses."""
        return figure.pose(self.betas, self.rotations, self.pelvis)[1]


def refit(source: Figure, target: Figure, pose: Pose) -> Pose:
    """Pose `target` like `source`: minimise over shape, rotations and pelvis
    `sum |x_target - x_source|^2 / s_x^2 + |log(R_source^T R_target)|^2 / s_R^2 + |betas|^2 / s_b^2`.

    The shape is found on 200 frames spread over the clip, then every frame for itself.

    Args:
        source, target: figures with the same points in the same order.
        pose: of the source.
    """
    count = len(pose.pelvis)
    sample = torch.linspace(0, count - 1, min(count, _SHAPE_FRAMES)).round().long()
    wanted = pose.points(source)
    start = Pose(_shape_at_rest(source, target, pose.betas), pose.rotations, pose.pelvis)
    part = Pose(start.betas, start.rotations[sample], start.pelvis[sample])
    betas = _solve(target, part, wanted[sample], shape=True).betas
    pieces = [
        _solve(target, Pose(betas, start.rotations[a : a + _FRAMES_AT_ONCE], start.pelvis[a : a + _FRAMES_AT_ONCE]),
               wanted[a : a + _FRAMES_AT_ONCE], shape=False)
        for a in range(0, count, _FRAMES_AT_ONCE)
    ]  # fmt: skip
    return Pose(betas, torch.cat([p.rotations for p in pieces]), torch.cat([p.pelvis for p in pieces]))


def _shape_at_rest(source: Figure, target: Figure, betas: Tensor) -> Tensor:
    """Betas with which the rest pose's points, each seen from the joint that it rides on, are nearest: linear."""
    joints, points = source.rest(betas)
    wanted = points - joints[source.point_joints]
    by_beta = (target.points_by_beta - target.joints_by_beta[target.point_joints]).flatten(0, 1)
    missing = (wanted - (target.points - target.joints[target.point_joints])).flatten()
    normal = by_beta.T @ by_beta / _POSITION_M**2 + torch.eye(by_beta.shape[1], dtype=by_beta.dtype) / _BETA**2
    return torch.linalg.solve(normal, by_beta.T @ missing / _POSITION_M**2)


def _solve(figure: Figure, start: Pose, wanted: Tensor, *, shape: bool) -> Pose:
    pose = start
    eye = torch.eye(3, dtype=torch.float64)
    held = torch.cat([torch.zeros(3), torch.full((3 * _JOINTS,), _TURN**-2)]).double()
    for _ in range(_STEPS):
        joints, points, turned = figure.pose(pose.betas, pose.rotations, pose.pelvis)
        shift = eye.expand(*points.shape, 3)
        J = torch.cat([shift, figure.by_turn(points, joints, turned)], dim=-1).flatten(-3, -2)  # [N,3P,69]
        miss = (wanted - points).flatten(-2)
        away = roma.rotmat_to_rotvec(start.rotations.mT @ pose.rotations).flatten(-2)
        normal = J.mT @ J / _POSITION_M**2 + torch.diag(held)
        pull = (J.mT @ miss[..., None])[..., 0] / _POSITION_M**2
        pull[:, 3:] -= away / _TURN**2
        if not shape:
            step = torch.linalg.solve(normal, pull)
            pose = _moved(pose, step, pose.betas)
            continue
        JB = figure.by_beta(turned).flatten(-3, -2)
        border = J.mT @ JB / _POSITION_M**2
        solved = torch.linalg.solve(normal, torch.cat([pull[..., None], border], dim=-1))
        # The shape weighs against all frames together; what it may be is known once.
        corner = (JB.mT @ JB / _POSITION_M**2 - border.mT @ solved[..., 1:]).sum(0)
        rest = ((JB.mT @ miss[..., None])[..., 0] / _POSITION_M**2 - (border.mT @ solved[..., :1])[..., 0]).sum(0)
        corner = corner + len(miss) * torch.eye(len(corner), dtype=corner.dtype) / _BETA**2
        change = torch.linalg.solve(corner, rest - len(miss) * pose.betas / _BETA**2)
        pose = _moved(pose, solved[..., 0] - solved[..., 1:] @ change, pose.betas + change)
    return pose


def _moved(pose: Pose, step: Tensor, betas: Tensor) -> Pose:
    turns = roma.rotvec_to_rotmat(step[:, 3:].unflatten(-1, (_JOINTS, 3)))
    return Pose(betas, pose.rotations @ turns, pose.pelvis + step[:, :3])
