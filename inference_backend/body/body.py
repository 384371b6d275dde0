"""The body: shape blend shapes, joint regression and linear blend skinning, after SMPL-X (Pavlakos et al., CVPR 2019).

The formulas are those of section 3.1 there and of SMPL (Loper et al., SIGGRAPH Asia 2015, equations 2 to 10).
Frames: y up, facing +z, +x to the body's left; zero pose = T-pose; every joint's local axes are the identity.
The root turns about the resting pelvis, so the pelvis is at `rest_joints(betas)[..., 0, :] + transl`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import roma
import torch
from torch import Tensor, nn

from ..protocol.skeleton import BODY_JOINTS, BODY_PARENTS, PARENTS
from .body_file import BodyArrays, read_body_file
from .hands import RELAXED_LEFT_HAND, RELAXED_RIGHT_HAND
from .kinematics import KinematicTree
from .open_body import OPEN_BODY
from .surface import SurfacePoints

_BODY = len(BODY_JOINTS)  # 22
_FACE = 3  # jaw and eyes, which stay at zero
_VERTICES_AT_ONCE = 1_500_000  # of one chunk: about 70 MB of blended float32 transforms


class BodyOutput(NamedTuple):
    """A posed body: `vertices [...,V,3]` and `joints [...,55,3]`, metres."""

    vertices: Tensor
    joints: Tensor


class Body(nn.Module):
    """A body model in SMPL-X's layout with V vertices, F triangles and 55 joints.

    Attributes:
        name: the file's stem; sha256: the file's checksum.
        v_template: `[V,3]`, metres; faces: int64 `[F,3]`; shapedirs: `[V,3,10]`, metres for each unit of beta.
        posedirs: `[486,V*3]`, pose correctives, or None.
        J_regressor: `[55,V]`; J_template: `[55,3]` and J_shapedirs: `[55,3,10]`, it applied to the two above.
        lbs_weights: `[V,55]`; parents: parent of each joint, -1 for the pelvis.
        left_hand_pose, right_hand_pose: `[15,3,3]`, the relaxed hands that are used where none are given.
        points: vertex index of each named surface point.
    """

    def __init__(
        self, arrays: BodyArrays, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.name, self.sha256 = arrays.name, arrays.sha256
        self.parents: tuple[int, ...] = PARENTS
        self.points: dict[str, int] = dict(arrays.points)
        exact = torch.from_numpy(arrays.j_regressor).double()
        shapedirs = torch.from_numpy(arrays.shapedirs)
        template = torch.from_numpy(arrays.v_template)
        values = {
            "v_template": template,
            "shapedirs": shapedirs,
            "J_regressor": exact,
            "J_template": exact @ template.double(),
            "J_shapedirs": torch.einsum("jv,vik->jik", exact, shapedirs.double()),
            "lbs_weights": torch.from_numpy(arrays.weights),
            "left_hand_pose": roma.rotvec_to_rotmat(torch.from_numpy(RELAXED_LEFT_HAND)),
            "right_hand_pose": roma.rotvec_to_rotmat(torch.from_numpy(RELAXED_RIGHT_HAND)),
        }
        for name, value in values.items():
            self.register_buffer(name, value.to(device=device, dtype=dtype), persistent=False)
        self.register_buffer("faces", torch.from_numpy(arrays.faces).to(device), persistent=False)
        posedirs = None
        if arrays.posedirs is not None:
            posedirs = torch.from_numpy(arrays.posedirs).flatten(0, 1).T.contiguous().to(device=device, dtype=dtype)
        self.register_buffer("posedirs", posedirs, persistent=False)
        self._body_tree = KinematicTree(BODY_PARENTS).to(device)
        self._tree = KinematicTree(PARENTS).to(device)

    @classmethod
    def load(
        cls, path: Path | None = None, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Self:
        """Load a body file, or the open body when `path` is None.

        Raises:
            RecoverError: WRONG_BODY when the file is no body (see `body_file.read_body_file`).
        """
        return cls(read_body_file(OPEN_BODY if path is None else Path(path)), device, dtype)

    def rest_joints(self, betas: Tensor) -> Tensor:
        """Joints `[...,55,3]` of the zero pose, metres, for `betas [...,10]`."""
        return self.J_template + torch.einsum("jik,...k->...ji", self.J_shapedirs, betas)

    def rest_vertices(self, betas: Tensor) -> Tensor:
        """Vertices `[...,V,3]` of the zero pose, metres, for `betas [...,10]` (SMPL-X equation 2 without pose)."""
        return self.v_template + torch.einsum("vik,...k->...vi", self.shapedirs, betas)

    def skeleton(
        self, betas: Tensor, global_orient: Tensor, body_pose: Tensor, transl: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Forward kinematics of the 22 body joints. Differentiable; leading dimensions broadcast.

        Args:
            betas: `[...,10]`.
            global_orient: pelvis to world, `[...,3,3]`.
            body_pose: rotations of joints 1..21 in their parents' frames, `[...,21,3,3]`.
            transl: `[...,3]`, metres; the pelvis is at rest pelvis + transl.

        Returns:
            Joints `[...,22,3]`, metres, and rotations to the world `[...,22,3,3]`.
        """
        rest = self.J_template[:_BODY] + torch.einsum("jik,...k->...ji", self.J_shapedirs[:_BODY], betas)
        joints, rotations = self._body_tree(rest, _stack(global_orient, body_pose))
        return joints + transl.unsqueeze(-2), rotations

    def forward(
        self,
        betas: Tensor,
        global_orient: Tensor,
        body_pose: Tensor,
        transl: Tensor,
        left_hand_pose: Tensor | None = None,
        right_hand_pose: Tensor | None = None,
    ) -> BodyOutput:
        """Pose the whole body (SMPL-X equations 1 and 2). Differentiable; leading dimensions broadcast.

        Args:
            betas, global_orient, body_pose, transl: as for `skeleton`.
            left_hand_pose, right_hand_pose: `[...,15,3,3]`, or None for the relaxed hands.
        """
        left = self.left_hand_pose if left_hand_pose is None else left_hand_pose
        right = self.right_hand_pose if right_hand_pose is None else right_hand_pose
        face = torch.eye(3, dtype=body_pose.dtype, device=body_pose.device).expand(_FACE, 3, 3)
        local = _stack(global_orient, body_pose, face, left, right)
        rest = self.rest_joints(betas)
        joints, rotations = self._tree(rest, local)
        vertices = self.rest_vertices(betas)
        if self.posedirs is not None:
            feature = (local[..., 1:, :, :] - face[0]).flatten(-3)
            vertices = vertices + (feature @ self.posedirs).unflatten(-1, (-1, 3))
        shift = joints - (rotations @ rest.unsqueeze(-1)).squeeze(-1)
        blended = (self.lbs_weights @ rotations.flatten(-2)).unflatten(-1, (3, 3))
        posed = (blended @ vertices.unsqueeze(-1)).squeeze(-1) + self.lbs_weights @ shift
        offset = transl.unsqueeze(-2)
        return BodyOutput(vertices=posed + offset, joints=joints + offset)

    def chunks(self, frames: int) -> list[slice]:
        """Slices of a clip of `frames` frames for which `forward` fits into some 100 MB each."""
        step = max(1, _VERTICES_AT_ONCE // len(self.v_template))
        return [slice(start, min(start + step, frames)) for start in range(0, frames, step)]

    def subset(self, vertices: Sequence[int]) -> SurfacePoints:
        """A small skin of chosen vertices, driven by what `skeleton` returns (see `surface.SurfacePoints`)."""
        return SurfacePoints(self, vertices)


def _stack(global_orient: Tensor, *locals_: Tensor) -> Tensor:
    """Local rotations `[...,J,3,3]` of the pelvis and what follows, broadcast over leading dimensions."""
    parts = [global_orient.unsqueeze(-3), *locals_]
    lead = torch.broadcast_shapes(*(part.shape[:-3] for part in parts))
    return torch.cat([part.expand(*lead, *part.shape[-3:]) for part in parts], dim=-3)
