"""The body that is rendered: shape, joints and linear blend skinning in numpy, so that Blender's Python can run it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def matrices(rotvec: Array) -> Array:
    """Rotation vectors `[...,3]` to matrices `[...,3,3]` (Rodrigues' formula)."""
    angle = np.linalg.norm(rotvec, axis=-1)[..., None, None]
    axis = rotvec / np.maximum(angle[..., 0], 1e-12)
    cross = np.zeros((*rotvec.shape[:-1], 3, 3))
    cross[..., 2, 1], cross[..., 0, 2], cross[..., 1, 0] = axis[..., 0], axis[..., 1], axis[..., 2]
    cross -= np.swapaxes(cross, -1, -2)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def rotvecs(matrix: Array) -> Array:
    """Rotation matrices `[...,3,3]` to rotation vectors `[...,3]` of at most half a turn, by way of quaternions."""
    m = matrix
    x, y, z = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    # Four candidates for (w, x, y, z), each exact where its own diagonal entry is large (Shepperd's method).
    rows = np.stack(
        [
            np.stack([1 + x + y + z, wx, wy, wz], -1),
            np.stack([wx, 1 + x - y - z, xy, xz], -1),
            np.stack([wy, xy, 1 - x + y - z, yz], -1),
            np.stack([wz, xz, yz, 1 - x - y + z], -1),
        ],
        -2,
    )
    best = np.argmax(np.diagonal(rows, axis1=-2, axis2=-1), -1)
    q = np.take_along_axis(rows, best[..., None, None], -2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    q = np.where(q[..., :1] < 0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    return q[..., 1:] * np.where(sine > 1e-9, 2 * np.arctan2(sine, q[..., :1]) / np.maximum(sine, 1e-12), 2.0)


@dataclass(frozen=True)
class Figure:
    """One person: a body file at fixed betas, standing in its zero pose.

    Attributes:
        vertices: `[V,3]` metres, T-pose, y up, facing +z.
        faces: int `[F,3]`.
        joints: `[J,3]` rest joints.
        weights: `[V,J]` skin weights.
        parents: int `[J]`, -1 for the pelvis.
        points: vertex index of each named surface point.
        sha256: checksum of the body file.
    """

    vertices: Array
    faces: NDArray[np.int64]
    joints: Array
    weights: Array
    parents: NDArray[np.int64]
    points: dict[str, int]
    sha256: str

    @staticmethod
    def load(path: Path, betas: Array) -> "Figure":
        """Read an SMPL-X-layout `.npz` (no pickle): v = v_template + shapedirs @ betas, J = J_regressor @ v."""
        with np.load(path, allow_pickle=False) as file:
            vertices = file["v_template"] + file["shapedirs"][..., : len(betas)].astype(np.float64) @ betas
            parents = file["kintree_table"][0].astype(np.int64)
            parents[0] = -1
            return Figure(
                vertices=vertices,
                faces=file["f"].astype(np.int64),
                joints=file["J_regressor"].astype(np.float64) @ vertices,
                weights=file["weights"].astype(np.float64),
                parents=parents,
                points=dict(zip(file["point_names"].tolist(), file["point_indices"].tolist(), strict=True)),
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )

    def kinematics(self, local: Array, transl: Array) -> tuple[Array, Array]:
        """Global rotations `[T,J,3,3]` and joints `[T,J,3]` for local rotations `[T,J,3,3]` and transl `[T,3]`."""
        rotation, position = np.empty_like(local), np.empty(local.shape[:-1])
        for joint, parent in enumerate(self.parents):
            if parent < 0:
                rotation[:, joint] = local[:, joint]
                position[:, joint] = self.joints[joint] + transl
            else:
                bone = self.joints[joint] - self.joints[parent]
                rotation[:, joint] = rotation[:, parent] @ local[:, joint]
                position[:, joint] = position[:, parent] + rotation[:, parent] @ bone
        return rotation, position

    def skin(self, points: Array, weights: Array, rotation: Array, position: Array) -> Array:
        """Linear blend skinning of rest points `[N,3]` with weights `[N,J]` for one frame: `[N,3]`."""
        shift = position - np.einsum("jab,jb->ja", rotation, self.joints)
        blended = np.tensordot(weights, rotation, 1)
        return np.einsum("nab,nb->na", blended, points) + weights @ shift


def relaxed_hands(joint_count: int = 55) -> Array:
    """Local rotation vectors `[J,3]` that curl the fingers a little; zero for all other joints."""
    pose = np.zeros((joint_count, 3))
    for first, side in ((25, -1.0), (40, 1.0)):
        for finger, bend in enumerate((0.22, 0.28, 0.36, 0.32)):  # index, middle, pinky, ring
            pose[first + 3 * finger : first + 3 * finger + 3, 2] = side * bend
        pose[first + 12 : first + 15, 1] = side * np.array([0.15, 0.1, 0.1])  # thumb
    return pose
