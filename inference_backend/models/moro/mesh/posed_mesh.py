"""The tokenizer's mesh of a posed body: some of its vertices, root not turned, pelvis at the origin."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ....body.body import Body
from ....body.kinematics import KinematicTree
from ....body.skin_weights import sum_by_body_joint
from ....protocol.skeleton import BODY_PARENTS

_BODY = len(BODY_PARENTS)


class PosedMesh:
    """Poses chosen vertices in batches on the body's device; hands rest flat.

    Args:
        body: the body.
        vertex_ids: its vertices that the tokenizer's mesh has.
    """

    def __init__(self, body: Body, vertex_ids: Sequence[int]) -> None:
        self._body = body
        self._tree = KinematicTree(BODY_PARENTS).to(body.v_template.device)
        index = torch.as_tensor(vertex_ids, dtype=torch.long, device=body.v_template.device)
        self._template, self._shapes = body.v_template[index], body.shapedirs[index]
        self._weights = sum_by_body_joint(body.lbs_weights[index])
        self._correctives = None
        if body.posedirs is not None:
            rows = 9 * (_BODY - 1)
            self._correctives = body.posedirs[:rows].unflatten(1, (-1, 3))[:, index].flatten(1)

    def __call__(self, betas: Tensor, body_pose: Tensor) -> Tensor:
        """Meshes `[...,V,3]`, metres.

        Args:
            betas: `[...,10]`.
            body_pose: local rotations of joints 1 .. 21, `[...,21,3,3]`; leading dimensions broadcast.
        """
        identity = torch.eye(3).to(body_pose)
        local = torch.cat((identity.expand_as(body_pose[..., :1, :, :]), body_pose), -3)
        rest = self._body.rest_joints(betas)[..., :_BODY, :]
        joints, turned = self._tree(rest, local)
        vertices = self._template + torch.einsum("vik,...k->...vi", self._shapes, betas)
        if self._correctives is not None:
            feature = (body_pose - identity).flatten(-3)
            vertices = vertices + (feature @ self._correctives).unflatten(-1, (-1, 3))
        shift = joints - joints[..., :1, :] - (turned @ rest[..., None])[..., 0]
        blended = (self._weights @ turned.flatten(-2)).unflatten(-1, (3, 3))
        return (blended * vertices[..., None, :]).sum(-1) + self._weights @ shift
