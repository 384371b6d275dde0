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

from ...body.body import Body
from ...protocol.errors import ErrorCode, RecoverError

_EYES: Final = (23, 24)
_SHAPE_FRAMES: Final = 500
_FRAMES_AT_ONCE: Final = 100
_ITERATIONS, _SHAPE_PENALTY = 3, 0.002
_RELEASED_ITERATIONS, _RELEASED_SHAPE_PENALTY = 1, 1.0
_KNOWN: Final = 1e6
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
        error: `[T]`, mean distance of the fitted body's vertices from the meshes, metres.
    """

    betas: Tensor
    rotations: Tensor
    transl: Tensor
    error: Tensor


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
    rotations = roma.rotvec_to_rotmat(turns).to(body.v_template)
    betas = torch.randn(_SAMPLES, 10, generator=generator).to(body.v_template)
    flat = torch.eye(3).to(body.v_template).expand(_SAMPLES, 15, 3, 3)
    posed = body(betas, rotations[:, 0], rotations[:, 1:], torch.zeros_like(betas[:, :3]), flat, flat)
    vertices, joints = posed.vertices[:, vertex_ids].double(), posed.joints.double()
    distance = torch.cdist(body.J_template.double(), body.v_template[vertex_ids].double())
    result = torch.zeros_like(distance)
    for j, near in enumerate(distance.argsort(dim=1, stable=True)[:, :_SUPPORT]):
        offset = (vertices[:, near] - joints[:, j, None]).transpose(1, 2).flatten(0, 1)
        moments = offset.T @ offset / _SAMPLES
        moments.diagonal().add_(_VERTEX_NOISE**2)
        weight = torch.linalg.solve(moments, torch.ones_like(moments[0]))
        result[j, near] = weight / weight.sum()
    return result.cpu().numpy()


class BodyFitting:
    """Fits a body to meshes of some of its vertices.

    Args:
        body: the body that the meshes are of.
        vertex_ids: which of its vertices the meshes have.
        released: fit as the authors did: the body's own joint regressor, one iteration. Right for SMPL-X only.

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
                "Install it in the backend's environment: pip install --no-deps smplfitter==0.2.10",
            ) from error
        self._body, self._ids = body, vertex_ids
        self._iterations = _RELEASED_ITERATIONS if released else _ITERATIONS
        self._shape_penalty = _RELEASED_SHAPE_PENALTY if released else _SHAPE_PENALTY
        own = body.J_regressor.double().cpu().numpy()[:, vertex_ids]
        regressor = own if released else joint_regressor(body, vertex_ids)
        with tempfile.TemporaryDirectory() as folder:
            _write_body(body, Path(folder))
            model = BodyModel(
                "smplx",
                "neutral",
                model_root=folder,
                num_betas=10,
                vertex_subset=vertex_ids,
                joint_regressor_post_lbs=regressor,
            )
        self._fitter = BodyFitter(model.float()).to(body.v_template.device)
        self._joint_weights = torch.ones(1, 55, device=body.v_template.device)
        self._joint_weights[:, list(_EYES)] = 0

    @torch.no_grad()
    def fit(
        self, meshes: Callable[[Tensor], Tensor], n_frames: int, progress: Callable[[int], None] = lambda _: None
    ) -> FittedBody:
        """Fit a clip with one shape, as the authors did; clips longer than 500 frames take the shape from 500 of them.

        Args:
            meshes: gives the meshes `[N,V',3]`, metres, of frames int64 `[N]`.
            n_frames: frames in the clip.
            progress: called with the number of frames that are done.
        """
        sample = torch.linspace(0, n_frames - 1, min(n_frames, _SHAPE_FRAMES)).round().long()
        first = self._fit_shape(meshes(sample))
        betas = first["shape_betas"][0]
        if len(sample) == n_frames:
            parts = [(sample, first)]
        else:
            parts = ((frames, None) for frames in torch.arange(n_frames).split(_FRAMES_AT_ONCE))
        rotations, transl, errors = [], [], []
        for frames, found in parts:
            found = self._fit_pose(meshes(frames), betas) if found is None else found
            rotations.append(found["relative_orientations"][:, :22])
            transl.append(found["trans"])
            for piece in range(0, len(frames), _FRAMES_AT_ONCE):
                span = slice(piece, piece + _FRAMES_AT_ONCE)
                target = meshes(frames[span])
                errors.append(self._distance(target, betas, rotations[-1][span], transl[-1][span]))
            progress(int(frames[-1]) + 1)
        return FittedBody(betas, torch.cat(rotations), torch.cat(transl), torch.cat(errors))

    def _fit_shape(self, target: Tensor) -> dict[str, Tensor]:
        return self._fitter.fit(
            target,
            joint_weights=self._joint_weights,
            num_iter=self._iterations,
            beta_regularizer=self._shape_penalty,
            share_beta=True,
            requested_keys=["relative_orientations"],
        )

    def _fit_pose(self, target: Tensor, betas: Tensor) -> dict[str, Tensor]:
        """Pose for a known shape: the same fit, held to it by a penalty that nothing outweighs."""
        return self._fitter.fit(
            target,
            joint_weights=self._joint_weights,
            num_iter=self._iterations,
            beta_regularizer=_KNOWN,
            beta_regularizer1=_KNOWN,
            beta_regularizer2=_KNOWN,
            initial_shape_betas=betas.expand(len(target), -1),
            requested_keys=["relative_orientations"],
        )

    def _distance(self, target: Tensor, betas: Tensor, rotations: Tensor, transl: Tensor) -> Tensor:
        body = self._body
        flat = torch.eye(3, device=transl.device).expand(len(transl), 15, 3, 3)
        found = body(betas.to(transl), rotations[:, 0], rotations[:, 1:], transl, flat, flat).vertices[:, self._ids]
        return torch.linalg.vector_norm(found - target, dim=-1).mean(-1)


def _write_body(body: Body, folder: Path) -> None:
    """The body in the file layout that `smplfitter` reads, with a child template that is never used."""
    n_vertices = len(body.v_template)
    if body.posedirs is None:
        posedirs = np.zeros((n_vertices, 3, 486), np.float32)
    else:
        posedirs = body.posedirs.cpu().numpy().T.reshape(n_vertices, 3, 486)
    parents = np.array(body.parents, np.int64)
    arrays: dict[str, Any] = {
        "v_template": body.v_template.cpu().numpy(),
        "shapedirs": body.shapedirs.cpu().numpy(),
        "posedirs": posedirs,
        "J_regressor": body.J_regressor.cpu().numpy(),
        "weights": body.lbs_weights.cpu().numpy(),
        "f": body.faces.cpu().numpy(),
        "kintree_table": np.stack((parents, np.arange(len(parents)))),
    }
    np.savez(folder / "SMPLX_NEUTRAL.npz", **arrays)
    np.save(folder / "kid_template.npy", np.zeros((n_vertices, 3)))
