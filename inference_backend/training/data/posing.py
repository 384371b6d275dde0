"""What training looks at of a posed body: some of its vertices, its joints, and where BlazePose's landmarks sit."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...body.body import Body
from ...body.kinematics import KinematicTree
from ...models.moro.mesh.posed_mesh import PosedMesh
from ...protocol.skeleton import BODY_PARENTS
from ...stages.estimate.kinematic.landmarks import figure_of


class Posed(NamedTuple):
    """A posed body about its pelvis: `joints [...,22,3]` and `rotations [...,22,3,3]` (global), metres."""

    joints: Tensor
    rotations: Tensor


def flat_handed(body: Body) -> Body:
    """The same body whose hands rest flat, as the mesh tokenizer sees it (changes it)."""
    body.left_hand_pose = torch.eye(3).expand(15, 3, 3).to(body.v_template).contiguous()
    body.right_hand_pose = body.left_hand_pose.clone()
    return body


class PosedBody:
    """Poses a body in batches on its device.

    Args:
        body: the body; its hands should be flat.
        vertex_ids: vertices of the tokenizer's mesh.
    """

    def __init__(self, body: Body, vertex_ids: Sequence[int]) -> None:
        self.body = body
        self._tree = KinematicTree(BODY_PARENTS).to(body.v_template.device)
        self._mesh = PosedMesh(body, vertex_ids)
        figure = figure_of(body)
        self._points = figure.points.to(body.v_template)
        self._points_by_beta = figure.points_by_beta.to(body.v_template)
        self._point_joints = figure.point_joints.to(body.v_template.device)

    def pose(self, betas: Tensor, rotations: Tensor) -> Posed:
        """Forward kinematics with the pelvis at the origin: `betas [...,10]`, `rotations [...,22,3,3]`, root first."""
        joints, turned = self._tree(self.body.rest_joints(betas)[..., :22, :], rotations)
        return Posed(joints - joints[..., :1, :], turned)

    def mesh(self, betas: Tensor, rotations: Tensor) -> Tensor:
        """The tokenizer's mesh `[...,V,3]`: root not turned, pelvis at the origin, metres."""
        return self._mesh(betas, rotations[..., 1:, :, :])

    def landmarks(self, betas: Tensor, posed: Posed) -> Tensor:
        """BlazePose's landmarks `[...,33,3]` about the pelvis: `betas [...,10]`, `posed` from `pose`."""
        points = self._points + torch.einsum("pik,...k->...pi", self._points_by_beta, betas)
        arms = points - self.body.rest_joints(betas)[..., self._point_joints, :]
        return posed.joints[..., self._point_joints, :] + self.carried(posed, arms)

    def carried(self, posed: Posed, vectors: Tensor) -> Tensor:
        """Vectors `[...,33,3]` at the landmarks of the body at rest, turned with what they ride on."""
        return (posed.rotations[..., self._point_joints, :, :] @ vectors[..., None])[..., 0]
