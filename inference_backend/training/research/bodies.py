"""Meshes, joints and keypoints of annotated bodies: SMPL-X neutral, male or female, hands flat."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...body.body import Body
from ...geometry.blazepose import INDEX
from ...models.moro.mesh.fit_body import joint_regressor
from ...models.moro.motion.trajectory import place
from ...models.moro.training.losses import contact_labels
from ...stages.estimate.kinematic.landmarks import figure_of
from ...stages.estimate.moro.weights import SMPLX_VERTICES
from ..data.posing import flat_handed

_LANDMARKS = ("nose", "right_eye", "left_eye", "right_ear", "left_ear")
_FEET = ("left_foot_index", "left_foot_index", "left_heel", "right_foot_index", "right_foot_index", "right_heel")
_JOINTS = (12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7)
"""Neck, right arm, left arm, middle of the hips, right leg, left leg: OpenPose's 1 to 14."""

KEYPOINTS = 44


class Truth(NamedTuple):
    """What a batch of annotations says.

    Attributes:
        mesh: `[B,T,V,3]`, local: root not turned, pelvis at the origin.
        rotation: `[B,T,3,3]`; translation: `[B,T,1,3]`, the pelvis, metres.
        joints: `[B,T,22,3]`, placed.
        contact: `[B,T-1,4]`, which feet stand, from the speed of joints in the frame that they are given in.
    """

    mesh: Tensor
    rotation: Tensor
    translation: Tensor
    joints: Tensor
    contact: Tensor


class Bodies:
    """The annotated bodies by gender, on the device to compute on.

    Args:
        bodies: `neutral`, and others that occur. Their hands are made flat.
        vertex_ids: which of their vertices the tokenizer's mesh has.
        device: to compute on.
    """

    def __init__(self, bodies: dict[str, Body], vertex_ids: NDArray[np.int64], device: torch.device) -> None:
        self._figures = {gender: figure_of(body) for gender, body in bodies.items()}
        self.bodies = {gender: flat_handed(body.to(device)) for gender, body in bodies.items()}
        self._ids = torch.from_numpy(np.asarray(vertex_ids)).to(device)
        self.neutral = self.bodies["neutral"]
        if len(self.neutral.v_template) == SMPLX_VERTICES:  # as released: its own regressor, of the mesh's vertices
            self.regressor = self.neutral.J_regressor[:22, self._ids].contiguous()
        else:
            self.regressor = torch.from_numpy(joint_regressor(self.neutral, vertex_ids)[:22]).to(
                self.neutral.v_template
            )

    @torch.no_grad()
    def truth(self, rotations: Tensor, transl: Tensor, betas: Tensor, genders: list[str]) -> Truth:
        """Targets of rotations `[B,T,22,3,3]`, transl `[B,T,3]`, betas `[B,10]`."""
        parts = [self._one(*row) for row in zip(rotations, transl, betas, genders, strict=True)]
        mesh, local, pelvis = (torch.stack(column) for column in zip(*parts, strict=True))
        rotation, translation = rotations[:, :, 0], pelvis[:, :, None]
        joints = place(local, rotation, translation)
        return Truth(mesh, rotation, translation, joints, contact_labels(joints))

    def _one(self, rotations: Tensor, transl: Tensor, betas: Tensor, gender: str) -> tuple[Tensor, Tensor, Tensor]:
        body = self.bodies[gender]
        upright = torch.eye(3, device=rotations.device).expand(len(rotations), 3, 3)
        posed = body(betas, upright, rotations[:, 1:], torch.zeros_like(transl))
        pelvis = posed.joints[:, :1]
        return posed.vertices[:, self._ids] - pelvis, posed.joints[:, :22] - pelvis, transl + pelvis[:, 0]

    def keypoints(self, poses: NDArray, transl: NDArray, betas: NDArray, gender: str, K: NDArray) -> NDArray:
        """The projected body as `[T,44,3]`: OpenPose-25, all counted as seen, then 19 empty slots.

        Args:
            poses: `[T,22,3,3]`, the pelvis to the camera, then local.
            transl: `[T,3]`, metres.
            betas: `[10]`.
            gender: which body.
            K: `[T,3,3]`.
        """
        body = self.bodies[gender]
        rotations, shape = (torch.from_numpy(np.asarray(x)).to(body.v_template.device) for x in (poses, betas))
        place_ = torch.from_numpy(np.asarray(transl)).to(rotations)
        joints, _ = body.skeleton(shape, rotations[:, 0], rotations[:, 1:], place_)
        _, marks, _ = self._figures[gender].pose(
            shape.double().cpu(), rotations.double().cpu(), joints[:, 0].double().cpu()
        )
        names = [INDEX[name] for name in (*_LANDMARKS, *_FEET)]
        marks, joints = marks[:, names], joints[:, list(_JOINTS)].double().cpu()
        points = torch.cat((marks[:, :1], joints, marks[:, 1:]), 1).numpy() @ np.swapaxes(K, -1, -2).astype(np.float64)
        found = np.zeros((len(points), KEYPOINTS, 3))
        found[:, :25, :2] = points[..., :2] / np.maximum(points[..., 2:], 1e-3)
        found[:, :25, 2] = 1
        return found
