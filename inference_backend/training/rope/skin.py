"""The skin's points, posed and turned to a camera at once: what splats need, without the mesh."""

import torch
from torch import Tensor

from ...body.body import Body
from ...body.skin_weights import sum_by_body_joint
from ...models.rope.surface_cloud import SurfaceCloud


class SkinPoints:
    """Linear blend skinning of a cloud's P points (SMPL-X equation 2), fingers and face lying still.

    Args:
        body: in its resting pose; without pose correctives.
        cloud: points on its skin.
    """

    def __init__(self, body: Body, cloud: SurfaceCloud) -> None:
        corners, share = cloud.corners, cloud.weights.to(body.v_template)
        a, b, c = (body.v_template[corners[:, i]] for i in range(3))
        self._rest = (share[..., None] * body.v_template[corners]).sum(1)
        self._by_beta = torch.einsum("pc,pcik->kip", share, body.shapedirs[corners])
        self._outward = torch.linalg.cross(b - a, c - a)
        self._weights = sum_by_body_joint((share[..., None] * body.lbs_weights[corners]).sum(1))

    def see(self, betas: Tensor, rest: Tensor, joints: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Place the points.

        Args:
            betas: `[B,10]`.
            rest: resting joints `[B,22,3]`.
            joints: `[B,22,3]`, camera frame, metres.
            rotations: `[B,22,3,3]`, of each joint's axes to the camera's.

        Returns:
            Points `[B,P,3]`, and bool `[B,P]`: their side of the skin faces the camera.
        """
        shift = joints - (rotations @ rest[..., None])[..., 0]
        # One small product and a few sums for each entry of the blended transforms: [P,B], no tensor of matrices.
        turned = [[self._weights @ rotations[:, :, i, k].mT for k in range(3)] for i in range(3)]
        at = [torch.addmm(self._rest[:, i, None], self._by_beta[:, i].mT, betas.mT) for i in range(3)]
        points = [self._weights @ shift[:, :, i].mT for i in range(3)]
        facing = torch.zeros_like(points[0])
        for i in range(3):
            for k in range(3):
                points[i].addcmul_(turned[i][k], at[k])
        for i in range(3):
            normal = turned[i][0] * self._outward[:, :1]
            for k in (1, 2):
                normal.addcmul_(turned[i][k], self._outward[:, k, None])
            facing.addcmul_(normal, points[i])
        return torch.stack([x.mT for x in points], -1), (facing < 0).mT
