"""What a result says of one person, in the joints and frames of a reference."""

from pathlib import Path
from typing import Final

import numpy as np
import roma
import torch
from numpy.typing import NDArray

from ..body.body import Body
from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.result_format import PersonResult, Result
from ..protocol.skeleton import BODY_JOINTS
from .datasets.pickled_arrays import load_pickled
from .datasets.sequence import SMPL_JOINTS, ReferenceSequence
from .datasets.smpl import SmplBody
from .metrics import align
from .protocols import Pair

Array = NDArray[np.float64]

SMPL_SOLES: Final = (3216, 3387, 6617, 6787)
"""Vertices of SMPL's mesh under the left and the right foot, at which MoRo and WHAM measure sliding."""
_SMPL_VERTICES: Final = 6890


class SmplTransfer:
    """Maps SMPL-X's mesh onto SMPL's with the matrix that the authors publish, and regresses SMPL's 24 joints there.

    Args:
        path: `smplx2smpl_deftrafo_setup.pkl`: `mtx`, `[6890, 10475]` or twice as wide.
        body: that the motion was recovered on; its mesh must be SMPL-X's.
        smpl: whose joint regressor is used.

    Raises:
        RecoverError: WRONG_BODY for a body of another mesh, BAD_INPUT for a file that holds no such matrix.
    """

    def __init__(self, path: Path, body: Body, smpl: SmplBody) -> None:
        data = load_pickled(path)
        matrix = np.asarray(data["mtx"], np.float64) if isinstance(data, dict) and "mtx" in data else np.empty((0, 0))
        vertices = len(body.v_template)
        if matrix.ndim != 2 or matrix.shape[0] != len(smpl.template):
            raise RecoverError(
                ErrorCode.BAD_INPUT,
                f"{path} holds no matrix from SMPL-X to SMPL.",
                "Name smplx2smpl_deftrafo_setup.pkl.",
            )
        if matrix.shape[1] not in (vertices, 2 * vertices):
            raise RecoverError(
                ErrorCode.WRONG_BODY,
                f"The matrix in {path} is for another mesh than that of {body.name}.",
                "Recover on SMPL-X (--body SMPLX_NEUTRAL.npz) to score meshes, or leave --smplx-to-smpl out.",
            )
        self._matrix = matrix[:, :vertices]
        self._regressor = smpl.regressor.numpy()
        self._body = body

    def __call__(self, person: PersonResult, rows: NDArray[np.int64]) -> tuple[Array, Array]:
        """SMPL's joints `[n,24,3]` and vertices `[n,V,3]` in the result's world, for rows of the result."""
        arrays = {
            "global_orient": person.motion.global_orient,
            "body_pose": person.motion.body_pose,
            "left_hand_pose": person.left_hand_pose,
            "right_hand_pose": person.right_hand_pose,
        }
        rotvec = {key: torch.from_numpy(array[rows].astype(np.float32)) for key, array in arrays.items()}
        betas = torch.from_numpy(person.betas.astype(np.float32))
        transl = torch.from_numpy(person.motion.transl[rows].astype(np.float32))
        vertices = []
        for part in self._body.chunks(len(rows)):
            turned = {key: roma.rotvec_to_rotmat(value[part]) for key, value in rotvec.items()}
            posed = self._body(betas=betas, transl=transl[part], **turned).vertices.double().numpy()
            vertices.append(self._matrix @ posed)
        mapped = np.concatenate(vertices) if vertices else np.empty((0, len(self._matrix), 3))
        return self._regressor @ mapped, mapped


def pair_of(result: Result, sequence: ReferenceSequence, transfer: SmplTransfer | None = None) -> Pair:
    """The person of a result whom a reference means, beside it.

    Args:
        result: of the sequence's video.
        sequence: the reference.
        transfer: brings the recovered body onto SMPL, for references that are SMPL; None compares joints by name.

    Returns:
        Joints that both have; NaN in frames where nobody was recovered. With meshes of SMPL, the points of the feet are
        `SMPL_SOLES`.
    """
    wanted = [i for i, name in enumerate(sequence.joint_names) if transfer or name in BODY_JOINTS]
    names = tuple(sequence.joint_names[i] for i in wanted)
    reference = sequence.joints_camera[:, wanted]
    row_of = {int(position): row for row, position in enumerate(result.frame_index)}
    rows = np.array([row_of.get(int(position), -1) for position in sequence.positions], np.int64)
    there = rows >= 0
    rotation, origin = result.R_cam_to_world[rows], result.cam_pos_world[rows]

    def to_camera(points: Array) -> Array:
        return np.einsum("tji,tkj->tki", rotation, points - origin[:, None])

    best: tuple[float, Array, Array | None] | None = None
    for person in result.people:
        known = there & person.valid[rows]
        vertices = None
        if transfer and sequence.joint_names == SMPL_JOINTS:
            joints, vertices = transfer(person, rows)
            vertices = np.where(known[:, None, None], vertices, np.nan)
        else:
            joints = person.motion.joints_world[rows].astype(np.float64)[:, [BODY_JOINTS.index(name) for name in names]]
        joints = np.where(known[:, None, None], joints, np.nan)
        distance = _distance(to_camera(joints), reference, sequence.K)
        if best is None or distance < best[0]:
            best = distance, joints, vertices
    world = np.full(reference.shape, np.nan) if best is None else best[1]
    mesh = None if best is None else best[2]
    soles = None if mesh is None else soles_of(sequence)
    return Pair(
        name=sequence.name,
        fps=sequence.fps,
        joint_names=names,
        pred_camera=to_camera(world),
        ref_camera=reference,
        pred_world=world,
        ref_world=reference if sequence.joints_world is None else sequence.joints_world[:, wanted],
        visible=None if sequence.visible is None else sequence.visible[:, wanted],
        pred_feet=None if mesh is None or soles is None else mesh[:, list(SMPL_SOLES)],
        ref_feet=soles,
        pred_vertices=None if mesh is None else to_camera(mesh),
        ref_vertices=None if mesh is None else sequence.vertices_camera,
    )


def soles_of(sequence: ReferenceSequence) -> Array | None:
    """Points under the feet `[T,4,3]` of a reference's mesh, metres, in axes that stand still; NaN in frames without a
    reference. None where there is no mesh of SMPL.
    """
    vertices, world = sequence.vertices_camera, sequence.joints_world
    if vertices is None or vertices.shape[1] != _SMPL_VERTICES:
        return None
    soles = vertices[:, list(SMPL_SOLES)]
    if sequence.still or world is None:
        return soles
    # The joints are known in both axes, so they tell where the camera is.
    out = np.full(soles.shape, np.nan)
    for t in np.flatnonzero(np.isfinite(sequence.joints_camera).all((1, 2)) & np.isfinite(world).all((1, 2))):
        out[t] = align(sequence.joints_camera[t], world[t], scale=False)(soles[t])
    return out


def _distance(joints: Array, reference: Array, K: Array | None) -> float:
    """How far a person is from the reference: in the image where the camera is known, else along the viewing rays.

    A frame without them counts as far away; without a reference, who is there longest is nearest.
    """
    if not np.isfinite(reference).any():
        return -float(np.isfinite(joints).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = joints[..., :2] / joints[..., 2:], reference[..., :2] / reference[..., 2:]
    scale = 1.0 if K is None else float(K[0, 0])
    miss = np.linalg.norm(a - b, axis=-1)[np.isfinite(reference).all(axis=-1)] * scale
    return float(np.median(np.where(np.isfinite(miss), miss, 1e9))) if miss.size else float("inf")
