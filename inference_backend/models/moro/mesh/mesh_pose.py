"""Pose of a body of known shape from meshes, by Gauss-Newton on the distances of vertices.

With linear blend skinning `v = sum_j w_vj y_vj` (SMPL, Loper et al., SIGGRAPH Asia 2015, equation 6), where `y_vj` is
the vertex as bone j alone carries it. A small turn `o_k` of joint k at `p_k` moves a vertex by `o_k x c_vk` with
`c_vk = sum over k and its descendants j of w_vj (y_vj - p_k)`. The normal equations of all turns need only the products
`sum_v c_vk c_vl^T`: one small matrix product for each frame.
"""

from typing import Final

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....body.body import Body
from ....body.skin_weights import sum_by_body_joint
from ....protocol.skeleton import BODY_PARENTS

_JOINTS: Final = len(BODY_PARENTS)
_HELD: Final = (10, 11)
"""The toes keep the rotation that they have."""
_ITERATIONS: Final = 3
_FRAMES_AT_ONCE: Final = {"cuda": 256}
_FRAMES_AT_ONCE_ELSEWHERE: Final = 16
"""So many stay in a processor's cache."""
_DAMPING: Final = 1e-3
"""Square metres: what a joint's vertices must outweigh to turn it (one vertex at 3 cm, or ten at 1 cm)."""


class MeshPose:
    """Turns and moves a body until it lies in given meshes.

    Args:
        body: a body without pose correctives.
        vertex_ids: which of its vertices the meshes have.
        betas: `[10]`.
    """

    def __init__(self, body: Body, vertex_ids: NDArray[np.int64], betas: Tensor) -> None:
        ids = torch.from_numpy(np.asarray(vertex_ids)).to(body.v_template.device)
        self._free = torch.tensor([j for j in range(_JOINTS) if j not in _HELD], device=ids.device)
        self._below = _below().to(body.v_template)[self._free]  # [20,22]
        weights = sum_by_body_joint(body.lbs_weights[ids])  # [V,22]
        rest = body.v_template[ids] + body.shapedirs[ids] @ betas
        joints = body.rest_joints(betas)[:_JOINTS]
        self._body, self._betas = body, betas
        carried = weights[..., None] * (rest[:, None] - joints)
        self._carried = carried.permute(1, 2, 0).contiguous()  # [22,3,V]
        self._weights = weights.T[:, None].contiguous()  # [22,1,V]
        self._weights_below = (self._below @ weights.T)[:, None]  # [20,1,V]

    def refine(
        self, meshes: Tensor, rotations: Tensor, transl: Tensor, iterations: int = _ITERATIONS
    ) -> tuple[Tensor, Tensor]:
        """Improve a pose.

        Args:
            meshes: `[N,V,3]`, metres.
            rotations: `[N,22,3,3]`, the pelvis to the meshes' frame, then local.
            transl: `[N,3]`, metres.
            iterations: Gauss-Newton steps.

        Returns:
            Rotations and transl.
        """
        at_once = _FRAMES_AT_ONCE.get(meshes.device.type, _FRAMES_AT_ONCE_ELSEWHERE)
        parts = []
        for part in zip(*(x.split(at_once) for x in (meshes, rotations, transl)), strict=True):
            target, *pose = part
            for _ in range(iterations):
                pose = self._step(target, *pose)
            parts.append(pose)
        turned, moved = map(torch.cat, zip(*parts, strict=True))
        return turned, moved

    def _step(self, meshes: Tensor, rotations: Tensor, transl: Tensor) -> tuple[Tensor, Tensor]:
        joints, world = self._body.skeleton(self._betas, rotations[:, 0], rotations[:, 1:], transl)
        single = world @ self._carried + joints[..., None] * self._weights  # [N,22,3,V]
        levers = (self._below @ single.flatten(2)).unflatten(2, (3, -1))
        miss = meshes.mT - levers[:, 0]
        levers -= joints[:, self._free, :, None] * self._weights_below
        turn, shift = self._solve(levers, miss)
        turns = torch.zeros_like(joints)
        turns[:, self._free] = turn
        parent = torch.cat((torch.eye(3).to(world).expand(len(world), 1, 3, 3), world[:, BODY_PARENTS[1:]]), 1)
        local = (parent.mT @ turns[..., None]).squeeze(-1)
        # Turns about the pelvis leave it where it is, so the shift is the pelvis's own.
        return roma.rotvec_to_rotmat(local) @ rotations, transl + shift

    @staticmethod
    def _solve(levers: Tensor, miss: Tensor) -> tuple[Tensor, Tensor]:
        """Turns `[N,K,3]` and a shift `[N,3]` from levers `[N,K,3,V]` and what is missing `[N,3,V]`."""
        n, k, _, n_vertices = levers.shape
        rows = torch.cat((levers.flatten(1, 2), miss), 1)
        products = (rows @ rows.mT).double()
        moments = products[:, : 3 * k, : 3 * k].unflatten(1, (k, 3)).unflatten(3, (k, 3)).transpose(2, 3)  # [N,K,K,3,3]
        trace = moments.diagonal(dim1=-2, dim2=-1).sum(-1)
        eye = torch.eye(3).to(moments)
        blocks = trace[..., None, None] * eye - moments.mT
        normal = products.new_zeros(n, 3 * k + 3, 3 * k + 3)
        normal[:, : 3 * k, : 3 * k] = blocks.transpose(2, 3).flatten(3, 4).flatten(1, 2)
        lever = levers.sum(-1).double()
        cross = torch.stack([torch.linalg.cross(lever, axis.expand_as(lever)) for axis in eye], -1)  # [N,K,3,3]
        normal[:, : 3 * k, 3 * k :] = cross.flatten(1, 2)
        normal[:, 3 * k :, : 3 * k] = cross.flatten(1, 2).mT
        normal[:, 3 * k :, 3 * k :] = n_vertices * eye
        normal.diagonal(dim1=-2, dim2=-1).add_(_DAMPING)
        pull = products[:, : 3 * k, 3 * k :].unflatten(1, (k, 3))  # sum of c_a miss_b
        odd = pull - pull.mT
        right = torch.stack((odd[..., 1, 2], odd[..., 2, 0], odd[..., 0, 1]), -1).flatten(1)
        right = torch.cat((right, miss.sum(-1).double()), 1)
        found = torch.linalg.solve(normal, right).to(levers)
        return found[:, : 3 * k].unflatten(1, (k, 3)), found[:, 3 * k :]


def _below() -> Tensor:
    """`[22,22]`: 1 where the second joint is the first or hangs on it."""
    below = torch.eye(_JOINTS)
    for joint in range(_JOINTS - 1, 0, -1):
        below[BODY_PARENTS[joint]] += below[joint]
    return below
