"""From recovered meshes to body parameters, with `smplfitter` (Sarandi and Pons-Moll, NLF, NeurIPS 2024)."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....body.body import Body
from ....protocol.errors import ErrorCode, RecoverError
from ....protocol.skeleton import BODY_ANCESTOR
from .mesh_pose import MeshPose
from .posed_mesh import PosedMesh

_BODY: Final = 22
_EYES: Final = (23, 24)
_SHAPE_FRAMES, _RELEASED_SHAPE_FRAMES = 100, 500
_FRAMES_AT_ONCE: Final = 100
_SHAPE_PENALTY, _RELEASED_SHAPE_PENALTY = 0.002, 1.0
_SUPPORT: Final = 64
"""Vertices that may stand for a joint."""
_SAMPLES: Final = 48
_POSE_SPREAD: Final = 0.5
_VERTEX_NOISE: Final = 0.005


@dataclass(frozen=True)
class FittedBody:
    """Body parameters of T frames.

    Attributes:
        betas: `[10]`, one shape for the clip.
        rotations: `[T,22,3,3]`, the pelvis to the meshes' frame, then local rotations.
        transl: `[T,3]`, SMPL-X's transl, metres.
    """

    betas: Tensor
    rotations: Tensor
    transl: Tensor


def joint_regressor(body: Body, vertex_ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Joints from some of a body's vertices, in any pose and shape.

    A body's own regressor is meant for the rest pose, and may use vertices that are not among these. Here each joint
    gets the weights on the vertices nearest to it, adding up to 1, that find it best in random poses and shapes while
    every vertex has independent noise: `w ~ (G + s^2 I)^-1 1`, G the second moments of the vertices about the joint.

    Args:
        body: the body.
        vertex_ids: V' of its vertices.

    Returns:
        `[55,V']`.
    """
    generator = torch.Generator().manual_seed(0)
    turns = _POSE_SPREAD * torch.randn(_SAMPLES, 22, 3, generator=generator)
    pose = roma.rotvec_to_rotmat(turns[:, 1:]).to(body.v_template)
    betas = torch.randn(_SAMPLES, 10, generator=generator).to(body.v_template)
    vertices = PosedMesh(body, vertex_ids)(betas, pose).double()
    joints = _joints_of_flat_hands(body, betas, pose).double()
    distance = torch.cdist(body.J_template.double(), body.v_template[vertex_ids].double())
    result = torch.zeros_like(distance)
    for j, near in enumerate(distance.argsort(dim=1, stable=True)[:, :_SUPPORT]):
        offset = (vertices[:, near] - joints[:, j, None]).transpose(1, 2).flatten(0, 1)
        moments = offset.T @ offset / _SAMPLES
        moments.diagonal().add_(_VERTEX_NOISE**2)
        weight = torch.linalg.solve(moments, torch.ones_like(moments[0]))
        result[j, near] = weight / weight.sum()
    return result.cpu().numpy()


def _joints_of_flat_hands(body: Body, betas: Tensor, pose: Tensor) -> Tensor:
    """All joints `[N,55,3]` of a body whose root is not turned and whose pelvis is at the origin, as `PosedMesh` has
    it; `pose [N,21,3,3]`."""
    rest, ancestor = body.rest_joints(betas), torch.tensor(BODY_ANCESTOR, device=pose.device)
    joints, turned = body.skeleton(betas, torch.eye(3).to(pose), pose, -rest[:, 0])
    return joints[:, ancestor] + (turned[:, ancestor] @ (rest - rest[:, ancestor])[..., None])[..., 0]


class BodyFitting:
    """Fits a body to meshes of some of its vertices.

    Args:
        body: the body that the meshes are of.
        vertex_ids: which of its vertices the meshes have.
        released: fit as the authors did, with `smplfitter` alone and the body's own joint regressor. Right for SMPL-X
            only. Otherwise what `smplfitter` finds is the start of a Gauss-Newton fit (`mesh_pose`): it takes most
            rotations from joints alone, which few and uneven vertices do not tell well.

    Raises:
        RecoverError: `smplfitter` is not installed.
    """

    def __init__(self, body: Body, vertex_ids: NDArray[np.int64], released: bool = False) -> None:
        try:
            from smplfitter.pt import BodyFitter, BodyModel
        except ImportError as error:
            raise RecoverError(
                ErrorCode.MISSING_PART,
                "The package smplfitter, which turns meshes into body parameters, is not installed.",
                "Repair the backend's environment (in the add-on's preferences, or as docs/backend.md says).",
            ) from error
        self._body, self._ids = body, vertex_ids
        self._refines = not released and body.posedirs is None
        self._shape_penalty = _RELEASED_SHAPE_PENALTY if released else _SHAPE_PENALTY
        self._shape_frames = _RELEASED_SHAPE_FRAMES if released else _SHAPE_FRAMES
        regressor = None if released else joint_regressor(body, vertex_ids)
        with tempfile.TemporaryDirectory() as folder:
            _write_part(body, vertex_ids, Path(folder))
            model = BodyModel("smplx", "neutral", model_root=folder, num_betas=10, joint_regressor_post_lbs=regressor)
        self._fitter = BodyFitter(model.float()).to(body.v_template.device)
        self._joint_weights = torch.ones(1, 55, device=body.v_template.device)
        self._joint_weights[:, list(_EYES)] = 0

    @torch.no_grad()
    def fit(
        self, meshes: Callable[[Tensor], Tensor], n_frames: int, progress: Callable[[int], None] = lambda _: None
    ) -> FittedBody:
        """Fit a clip with one shape.

        Some of the frames tell the shape; the others are fitted knowing it, which is several times faster. Of SMPL-X
        all frames of clips up to 500 frames tell it, as the authors did.

        Args:
            meshes: gives the meshes `[N,V',3]`, metres, of frames int64 `[N]`.
            n_frames: frames in the clip.
            progress: called with the number of frames that are done.
        """
        sample = torch.linspace(0, n_frames - 1, min(n_frames, self._shape_frames)).round().long()
        target = meshes(sample)
        betas, *pose = self._fit_shape(target)
        if self._refines:
            betas = self._shape_of(target, MeshPose(self._body, self._ids, betas).refine(target, *pose)[0])
        elif len(sample) == n_frames:
            progress(n_frames)
            return FittedBody(betas, *pose)
        exact = MeshPose(self._body, self._ids, betas) if self._refines else None
        poses = []
        for frames in torch.arange(n_frames).split(_FRAMES_AT_ONCE):
            target = meshes(frames)
            pose = self._fit_pose(target, betas)
            poses.append(exact.refine(target, *pose) if exact else pose)
            progress(int(frames[-1]) + 1)
        rotations, transl = map(torch.cat, zip(*poses, strict=True))
        return FittedBody(betas, rotations, transl)

    def _fit_shape(self, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Betas `[10]`, rotations `[N,22,3,3]` and transl `[N,3]` of meshes `[N,V',3]` together."""
        found = self._fitter.fit(
            target,
            joint_weights=self._joint_weights,
            beta_regularizer=self._shape_penalty,
            share_beta=True,
            requested_keys=["relative_orientations"],
        )
        return found["shape_betas"][0], found["relative_orientations"][:, :_BODY], found["trans"]

    def _fit_pose(self, target: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Rotations and transl of a known shape."""
        found = self._fitter.fit_with_known_shape(
            betas.expand(len(target), -1),
            target,
            joint_weights=self._joint_weights,
            requested_keys=["relative_orientations"],
        )
        return found["relative_orientations"][:, :_BODY], found["trans"]

    def _shape_of(self, target: Tensor, rotations: Tensor) -> Tensor:
        """Betas `[10]` that meshes in known poses share."""
        turns = torch.zeros(len(target), len(self._body.parents), 3, device=target.device)
        turns[:, :_BODY] = roma.rotmat_to_rotvec(rotations)
        found = self._fitter.fit_with_known_pose(
            turns.flatten(1), target, beta_regularizer=self._shape_penalty, share_beta=True
        )
        return found["shape_betas"][0]


def _write_part(body: Body, vertex_ids: NDArray[np.int64], folder: Path) -> None:
    """Some of a body's vertices, without triangles, in the file layout that `smplfitter` reads, with a child template
    that is never used."""
    n_vertices = len(vertex_ids)
    posedirs = np.zeros((n_vertices, 3, 486), np.float32)
    if body.posedirs is not None:
        posedirs = body.posedirs.unflatten(1, (-1, 3))[:, vertex_ids].permute(1, 2, 0).cpu().numpy()
    parents = np.array(body.parents, np.int64)
    arrays: dict[str, Any] = {
        "v_template": body.v_template[vertex_ids].cpu().numpy(),
        "shapedirs": body.shapedirs[vertex_ids].cpu().numpy(),
        "posedirs": posedirs,
        "J_regressor": body.J_regressor[:, vertex_ids].cpu().numpy(),
        "J_template": body.J_template.cpu().numpy(),
        "J_shapedirs": body.J_shapedirs.cpu().numpy(),
        "weights": body.lbs_weights[vertex_ids].cpu().numpy(),
        "f": np.zeros((0, 3), np.int32),
        "kintree_table": np.stack((parents, np.arange(len(parents)))),
    }
    np.savez(folder / "SMPLX_NEUTRAL.npz", **arrays)
    np.save(folder / "kid_template.npy", np.zeros((n_vertices, 3)))
