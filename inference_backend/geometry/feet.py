"""The soles of a body: which points of the feet can stand on the floor, and where they are."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..body.body import Body
from ..records.motion import PoseEstimate, WorldMotion
from .forward_kinematics import pose_joints

HIPS, KNEES, ANKLES, BALLS = (1, 2), (4, 5), (7, 8), (10, 11)
"""Leg joints, left and right; the ball is SMPL-X's `left_foot` / `right_foot`, where the toes bend."""
HEEL, TOE = 0, 1
"""Index of the heel and of the toe among a foot's points."""
_CORNERS: Final = 10
_SOLE_M: Final = 0.012


@dataclass(frozen=True)
class Soles:
    """The rest-pose geometry of both feet at one person's shape. Axis 0 is left, right.

    Attributes:
        joints: `[22,3]`, rest joints, metres.
        points: `[2,P,3]`, rest positions; point 0 is the heel and 1 the toe (`skeleton.CONTACT_POINTS`), the others
            surround the sole.
        on_toes: bool `[2,P]`, the point moves with the toes (joint `left_foot` / `right_foot`), not with the ankle.
        flat: `[2,3,3]`, rotation that lays the rest-pose foot flat on a horizontal floor.
        clearance: `[2,P]`, metres: height of each point over the floor when the foot is flat on it.
    """

    joints: NDArray[np.float64]
    points: NDArray[np.float64]
    on_toes: NDArray[np.bool_]
    flat: NDArray[np.float64]
    clearance: NDArray[np.float64]

    def place(
        self, ankle: NDArray[np.float64], foot: NDArray[np.float64], toes: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Positions `[N,2,P,3]` of the points, from ankle positions `[N,2,3]` and global rotations of the foot and toes
        `[N,2,3,3]` (the points are taken to move rigidly with either)."""
        pivots, balls = self.joints[list(ANKLES)], self.joints[list(BALLS)]
        ball = ankle + np.einsum("nsij,sj->nsi", foot, balls - pivots)
        with_foot = ankle[:, :, None] + np.einsum("nsij,spj->nspi", foot, self.points - pivots[:, None])
        with_toes = ball[:, :, None] + np.einsum("nsij,spj->nspi", toes, self.points - balls[:, None])
        return np.where(self.on_toes[..., None], with_toes, with_foot)

    def of(self, joints: NDArray[np.float64], rotations: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions `[N,2,P,3]` of the points for posed joints `[N,22,3]` and global rotations `[N,22,3,3]`."""
        return self.place(joints[:, list(ANKLES)], rotations[:, list(ANKLES)], rotations[:, list(BALLS)])

    def heels_and_toes(self, joints: NDArray[np.float64], rotations: NDArray[np.float64]) -> NDArray[np.float64]:
        """The first two of `of`, `[N,4,3]`, in the order of `skeleton.CONTACT_POINTS`."""
        return self.of(joints, rotations)[:, :, :2].reshape(-1, 4, 3)

    def of_motion(self, motion: PoseEstimate | WorldMotion) -> NDArray[np.float64]:
        """Positions `[N,2,P,3]` of the points in a motion's own frame."""
        return self.of(*pose_joints(self.joints, motion.global_orient, motion.body_pose, motion.transl))


def find_soles(body: Body, betas: NDArray[np.floating]) -> Soles:
    """Find the soles of a `body.Body` at a shape `betas [10]`."""
    shape = torch.as_tensor(np.asarray(betas), dtype=body.v_template.dtype, device=body.v_template.device)
    joints, vertices = body.rest_joints(shape)[:22], body.rest_vertices(shape)
    return soles_from_mesh(*(values.double().cpu().numpy() for values in (joints, vertices, body.lbs_weights)))


def soles_from_mesh(joints: NDArray[np.float64], vertices: NDArray[np.float64], weights: NDArray[np.float64]) -> Soles:
    """Find the soles of a rest-pose mesh that faces +z, y up.

    Args:
        joints: `[22,3]` rest joints.
        vertices: `[V,3]` rest vertices.
        weights: `[V,J]` skin weights.
    """
    owner = weights.argmax(1)
    feet = [_one_foot(joints, vertices, owner, side) for side in (0, 1)]
    return Soles(joints, *(np.stack(values) for values in zip(*feet, strict=True)))


def _one_foot(
    joints: NDArray[np.float64], vertices: NDArray[np.float64], owner: NDArray[np.int64], side: int
) -> tuple[NDArray[np.float64], ...]:
    ankle, ball = joints[ANKLES[side]], joints[BALLS[side]]
    index = np.flatnonzero((owner == ANKLES[side]) | (owner == BALLS[side]))
    toes = owner[index] == BALLS[side]
    flat = np.eye(3)
    for _ in range(4):  # levelling tips the foot, which may change its lowest points
        turned = (vertices[index] - ankle) @ flat.T
        front = turned[:, 2] > (flat @ (ball - ankle))[2] - 0.01
        heel = _lowest(turned, turned[:, 2] < 0)
        toe = _lowest(turned, front)
        tilt = np.arctan2(turned[toe, 1] - turned[heel, 1], turned[toe, 2] - turned[heel, 2])
        flat = _about_x(tilt) @ flat
    turned = (vertices[index] - ankle) @ flat.T
    height = turned[:, 1] - turned[:, 1].min()
    heel, toe = _lowest(turned, turned[:, 2] < 0), _lowest(turned, front & toes)
    low = np.flatnonzero(height < _SOLE_M)
    angles = np.arange(_CORNERS) * (2 * np.pi / _CORNERS)
    outline = turned[low][:, [0, 2]] @ np.stack([np.sin(angles), np.cos(angles)])
    chosen = np.concatenate([[heel, toe], low[outline.argmax(0)]])
    return vertices[index[chosen]], toes[chosen], flat, height[chosen]


def _lowest(points: NDArray[np.float64], among: NDArray[np.bool_]) -> int:
    return int(np.where(among, points[:, 1], np.inf).argmin())


def _about_x(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
