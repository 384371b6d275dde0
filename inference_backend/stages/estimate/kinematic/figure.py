"""A stick figure with attached points: forward kinematics and its derivatives, without skinning."""

from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

from ....body.kinematics import KinematicTree
from ....protocol.skeleton import BODY_PARENTS

_TREE: Final = KinematicTree(BODY_PARENTS)


def _ancestors() -> Tensor:
    """`[22,22]`: row j is 1 at j and at every joint above it."""
    table = torch.eye(len(BODY_PARENTS), dtype=torch.float64)
    for j, parent in enumerate(BODY_PARENTS):
        if parent >= 0:
            table[j] = torch.maximum(table[j], table[parent])
    return table


@dataclass(frozen=True)
class Figure:
    """Rest positions, linear in the shape, of 22 joints and P points that ride rigidly on one joint each. float64.

    Attributes:
        joints, joints_by_beta: `[22,3]`, `[22,3,B]`, metres in the rest pose.
        points, points_by_beta: `[P,3]`, `[P,3,B]`.
        point_joints: int64 `[P]`, the joint that each point is attached to.
    """

    joints: Tensor
    joints_by_beta: Tensor
    points: Tensor
    points_by_beta: Tensor
    point_joints: Tensor
    above: Tensor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "above", _ancestors()[self.point_joints])

    def rest(self, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Joints `[...,22,3]` and points `[...,P,3]` of the rest pose for `betas [...,B]`."""
        joints = self.joints + torch.einsum("jcb,...b->...jc", self.joints_by_beta, betas)
        points = self.points + torch.einsum("jcb,...b->...jc", self.points_by_beta, betas)
        return joints, points

    def pose(self, betas: Tensor, rotations: Tensor, pelvis: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Forward kinematics; leading axes broadcast.

        Args:
            betas: `[...,B]`.
            rotations: `[...,22,3,3]`, the pelvis global, the others local.
            pelvis: `[...,3]`, position of joint 0.

        Returns:
            joints `[...,22,3]`, points `[...,P,3]`, global rotations `[...,22,3,3]`.
        """
        rest_joints, rest_points = self.rest(betas)
        joints, turned = _TREE(rest_joints, rotations)
        joints = joints + (pelvis - rest_joints[..., 0, :])[..., None, :]
        arms = rest_points - rest_joints[..., self.point_joints, :]
        points = joints[..., self.point_joints, :] + (turned[..., self.point_joints, :, :] @ arms[..., None])[..., 0]
        return joints, points, turned

    def by_turn(self, points: Tensor, joints: Tensor, axes: Tensor) -> Tensor:
        """How the points move when joints turn about given axes.

        Args:
            points: `[...,P,3]`.
            joints: `[...,22,3]`.
            axes: `[...,22,3,3]`, columns = rotation axes of each joint in the frame of the points.

        Returns:
            `[...,P,3,66]`: derivative by the angle about each axis, joint by joint; zero for joints not above the
            point.
        """
        arm = (points[..., :, None, :] - joints[..., None, :, :]) * self.above[..., None]
        x, y, z = (arm[..., i, None] for i in range(3))
        ax, ay, az = (axes[..., None, :, i, :] for i in range(3))
        return torch.stack([ay * z - az * y, az * x - ax * z, ax * y - ay * x], dim=-3).flatten(-2)

    def by_beta(self, turned: Tensor) -> Tensor:
        """How points move with the shape, the pelvis fixed: `[...,P,3,B]` for global rotations `[...,22,3,3]`."""
        count = self.points_by_beta.shape[-1]
        bones = self.joints_by_beta - self.joints_by_beta[[max(p, 0) for p in BODY_PARENTS]]
        moved: list[Tensor] = [torch.zeros(*turned.shape[:-3], 3, count, dtype=turned.dtype)]
        for j, parent in enumerate(BODY_PARENTS):
            if parent >= 0:
                moved.append(moved[parent] + turned[..., parent, :, :] @ bones[j])
        joints = torch.stack(moved, dim=-3)
        arms = self.points_by_beta - self.joints_by_beta[self.point_joints]
        return joints[..., self.point_joints, :, :] + turned[..., self.point_joints, :, :] @ arms
