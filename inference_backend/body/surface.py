"""Skins a few chosen vertices from the 22 body joints: landmarks, heels and toes inside optimisers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..protocol.skeleton import BODY_JOINTS, PARENTS
from .skin_weights import sum_by_body_joint

if TYPE_CHECKING:
    from .body import Body

_BODY = len(BODY_JOINTS)


class SurfacePoints(nn.Module):
    """Linear blend skinning of P vertices; the same as `Body.forward` with relaxed hands, at those vertices.

    Jaw, eyes and fingers do not move of their own here, so their share of a vertex is folded into the head's and the
    wrists': a vertex is the sum over body joints k of `R_k (A_k + B_k betas) + w_k joint_k`, with A and B constant.

    Args:
        body: the body.
        vertices: indices of the P vertices.
    """

    def __init__(self, body: "Body", vertices: Sequence[int]) -> None:
        super().__init__()
        index = torch.as_tensor(vertices, dtype=torch.long, device=body.v_template.device)
        weights = body.lbs_weights[index]
        turn, joint = _rest_on_body_joints(body)
        # Vertices and joints as affine functions of betas: [...,11], the constant first.
        shaped = torch.cat([body.v_template[index].unsqueeze(-1), body.shapedirs[index]], dim=-1)
        rest = torch.cat([body.J_template.unsqueeze(-1), body.J_shapedirs], dim=-1)
        arm = torch.einsum("jab,pjbk->pjak", turn, shaped[:, None] - rest) + joint
        local = sum_by_body_joint(weights[..., None, None] * arm)
        shares = sum_by_body_joint(weights)
        # Keep the body joints that move each vertex.
        width = max(1, int((shares > 0).sum(1).max())) if len(index) else 1
        share, joints = shares.topk(width, dim=1)
        local = local.gather(1, joints[..., None, None].expand(-1, -1, 3, 11))
        self.register_buffer("joints", joints.flatten(), persistent=False)
        self.register_buffer("share", share.unsqueeze(-1), persistent=False)
        self.register_buffer("base", local[..., 0], persistent=False)
        self.register_buffer("directions", local[..., 1:].contiguous(), persistent=False)
        self.register_buffer("parents", torch.tensor(PARENTS[1:_BODY], device=index.device), persistent=False)
        self.corrects = body.posedirs is not None
        if self.corrects:
            self._keep_correctives(body, index, weights, turn, joints)

    def _keep_correctives(self, body: "Body", index: Tensor, weights: Tensor, turn: Tensor, joints: Tensor) -> None:
        """Pose correctives of the vertices: linear in the body's local rotations, constant in the hands'."""
        chosen = body.posedirs.unflatten(1, (-1, 3))[:, index].flatten(1)
        body_rows, hands = (_BODY - 1) * 9, torch.cat([body.left_hand_pose, body.right_hand_pose])
        identity = torch.eye(3, dtype=hands.dtype, device=hands.device)
        turns = sum_by_body_joint(weights[..., None, None] * turn)
        turns = turns.gather(1, joints[..., None, None].expand(-1, -1, 3, 3))
        self.register_buffer("correctives", chosen[:body_rows], persistent=False)
        self.register_buffer("constant", (hands - identity).flatten() @ chosen[-len(hands) * 9 :], persistent=False)
        self.register_buffer("turns", turns, persistent=False)

    def forward(self, betas: Tensor, joints: Tensor, rotations: Tensor) -> Tensor:
        """Place the points. Differentiable; leading dimensions broadcast.

        Args:
            betas: `[...,10]`.
            joints, rotations: `[...,22,3]`, metres, and `[...,22,3,3]`, as `Body.skeleton` returns them.

        Returns:
            `[...,P,3]`, metres, in the frame of `joints`.
        """
        arms = self.base + torch.einsum("pqik,...k->...pqi", self.directions, betas)
        if self.corrects:
            local = rotations.index_select(-3, self.parents).transpose(-1, -2) @ rotations[..., 1:, :, :]
            feature = (local - torch.eye(3, dtype=local.dtype, device=local.device)).flatten(-3)
            offset = (feature @ self.correctives + self.constant).unflatten(-1, (-1, 1, 3, 1))
            arms = arms + (self.turns @ offset).squeeze(-1)
        shape = self.share.shape[:2]
        turned = (rotations.index_select(-3, self.joints).unflatten(-3, shape) @ arms.unsqueeze(-1)).squeeze(-1)
        return (turned + self.share * joints.index_select(-2, self.joints).unflatten(-2, shape)).sum(-2)


def _rest_on_body_joints(body: "Body") -> tuple[Tensor, Tensor]:
    """For each of the 55 joints, its rotation and its place in the frame of the body joint that it hangs on.

    Returns:
        Rotations `[55,3,3]`, and places `[55,3,11]`, affine in betas (the constant first), metres.
    """
    rest = torch.cat([body.J_template.unsqueeze(-1), body.J_shapedirs], dim=-1)
    identity = torch.eye(3, dtype=rest.dtype, device=rest.device)
    hands = [*body.left_hand_pose, *body.right_hand_pose]
    turns, places = [identity] * _BODY, [torch.zeros_like(rest[0])] * _BODY
    for j in range(_BODY, len(PARENTS)):
        parent = PARENTS[j]
        places.append(places[parent] + turns[parent] @ (rest[j] - rest[parent]))
        turns.append(
            turns[parent] @ (hands[j - len(PARENTS) + len(hands)] if j >= len(PARENTS) - len(hands) else identity)
        )
    return torch.stack(turns), torch.stack(places)
