"""Gauss-Newton over whole windows: every residual of the estimator, and one step of its minimisation.

Unknowns of a frame: pelvis position (3), pelvis rotation (3, as an increment in its own axes), pose coordinates (D).
Robust weights are Geman-McClure's, refreshed at every step (iteratively reweighted least squares).
"""

from dataclasses import dataclass, replace

import roma
import torch
from torch import Tensor

from ....geometry.blazepose import INDEX
from ....geometry.blazepose_bones import BONES
from ....geometry.clock import CLOCK_FPS
from ....protocol.skeleton import BODY_JOINTS
from .banded import Chain
from .evidence import Evidence
from .figure import Figure
from .prior import MotionPrior
from .settings import KinematicSettings
from .shape_prior import ShapePrior

_FEET = [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("heel", "foot_index")]
_NEAREST = 0.3  # metres; points nearer to the camera are treated as if there
_DAMPING = 2.0
_ALIKE_FRAMES = 15.0
_LONGEST_TURN = 0.6
_LONGEST_MOVE = 1.0


@dataclass(frozen=True)
class Motion:
    """The unknowns of B windows of T frames.

    Attributes:
        pelvis: `[B,T,3]`, metres, in the axes of a still camera (`Evidence.turn`).
        root: `[B,T,3,3]`, pelvis to these axes.
        z: `[B,T,D]`, pose coordinates of the prior.
        betas: `[B,10]`.
    """

    pelvis: Tensor
    root: Tensor
    z: Tensor
    betas: Tensor


@dataclass(frozen=True)
class Posed:
    """A motion's figure: joints `[B,T,22,3]`, points `[B,T,33,3]`, rotations to the camera, and pose vectors
    `[B,T,21,3]`."""

    joints: Tensor
    points: Tensor
    turned: Tensor
    x: Tensor


def local_rotations(prior: MotionPrior, z: Tensor) -> tuple[Tensor, Tensor]:
    """Local rotations `[...,21,3,3]` and pose vectors `[...,21,3]` of pose coordinates `[...,D]`."""
    x = (prior.offset + z @ prior.basis.T).unflatten(-1, (21, 3))
    return prior.mean @ roma.rotvec_to_rotmat(x), x


def pose(figure: Figure, prior: MotionPrior, motion: Motion) -> Posed:
    """Forward kinematics of a motion."""
    local, x = local_rotations(prior, motion.z)
    rotations = torch.cat([motion.root[..., None, :, :], local], dim=-3)
    joints, points, turned = figure.pose(motion.betas[:, None], rotations, motion.pelvis)
    return Posed(joints, points, turned, x)


def _right_jacobian(x: Tensor) -> Tensor:
    """`[...,3,3]`: exp(x + d) = exp(x) exp(J d) to first order."""
    angle2 = (x * x).sum(-1).clamp_min(1e-12)[..., None, None]
    angle = angle2.sqrt()
    zero = torch.zeros_like(x[..., 0])
    K = torch.stack(
        [zero, -x[..., 2], x[..., 1], x[..., 2], zero, -x[..., 0], -x[..., 1], x[..., 0], zero], dim=-1
    ).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=x.dtype, device=x.device)
    near = angle2 < 1e-6
    first = torch.where(near, 0.5 - angle2 / 24, (1 - angle.cos()) / angle2)
    second = torch.where(near, 1 / 6 - angle2 / 120, (angle - angle.sin()) / (angle2 * angle))
    return eye - first * K + second * (K @ K)


def robust(squared: Tensor, scale: float) -> Tensor:
    """Geman-McClure's weight for squared residuals in units of their sigma; 1 at zero."""
    return 1 / (1 + squared / scale**2) ** 2


class Solver:
    """One problem: a figure, a prior and evidence; `step` takes one Gauss-Newton step."""

    def __init__(self, figure: Figure, prior: MotionPrior, evidence: Evidence, settings: KinematicSettings) -> None:
        self.figure, self.prior, self.evidence, self.settings = figure, prior, evidence, settings
        self.unknowns = 6 + prior.dims
        D = prior.dims
        C = torch.cat([-prior.transition[:, : 2 * D], torch.eye(D, dtype=torch.float64)], dim=-1)
        PC = settings.prior_scale**-2 * prior.precision @ C
        self._motion_block = C.T @ PC
        self._motion_pull = PC.T @ prior.transition[:, -1]
        self.lean = torch.zeros(len(evidence.present), 3, dtype=torch.float64)

    def step(self, motion: Motion, tolerance: float, shape: ShapePrior | None = None) -> Motion:
        """One step.

        Args:
            motion: where to start.
            tolerance: factor on the outlier threshold; large at first, 1 at last.
            shape: solve for the betas, too, of which so much is known; None: they stay.
        """
        posed = pose(self.figure, self.prior, motion)
        J = self._derivative(posed)
        chain = Chain.zeros(*self.evidence.present.shape, self.unknowns, motion.pelvis)
        border = corner = pull = None
        if shape is not None:
            JB = self.figure.by_beta(posed.turned)
            border, corner, pull = self._rays(chain, posed, J, tolerance, JB)
            # Errors of neighbouring frames are one error: about one frame in fifteen counts.
            precision = _ALIKE_FRAMES * shape.precision
            corner = corner + precision
            pull = pull - (motion.betas - shape.mean) @ precision
        else:
            self._rays(chain, posed, J, tolerance)
        self._bones(chain, posed, J, tolerance)
        self._feet(chain, posed, J)
        self._root(chain, motion)
        self._limits(chain, posed)
        self._motion_prior(chain, motion)
        chain.same.diagonal(dim1=-2, dim2=-1).add_(_DAMPING)
        if shape is None:
            return self._move(motion, chain.solve()[..., 0])
        solved = chain.solve(border)
        schur = corner - torch.einsum("btni,btnj->bij", border, solved[..., 1:])
        rest = pull - torch.einsum("btni,btn->bi", border, solved[..., 0])
        change = torch.linalg.solve(schur, rest[..., None])[..., 0]
        moved = self._move(motion, solved[..., 0] - torch.einsum("btni,bi->btn", solved[..., 1:], change))
        return replace(moved, betas=(motion.betas + change).clamp(-3, 3))

    def _move(self, motion: Motion, step: Tensor) -> Motion:
        turn = step[..., 3:6]
        turn = turn * (_LONGEST_TURN / turn.norm(dim=-1, keepdim=True).clamp_min(_LONGEST_TURN))
        return replace(
            motion,
            pelvis=motion.pelvis + step[..., :3].clamp(-_LONGEST_MOVE, _LONGEST_MOVE),
            root=motion.root @ roma.rotvec_to_rotmat(turn),
            z=motion.z + step[..., 6:].clamp(-1.5, 1.5),
        )

    def _derivative(self, posed: Posed) -> Tensor:
        """`[B,T,33,3,n]`: how the landmarks move with the unknowns."""
        inner = posed.turned[..., 1:, :, :] @ _right_jacobian(posed.x)
        axes = torch.cat([posed.turned[..., :1, :, :], inner], dim=-3)
        by_turn = self.figure.by_turn(posed.points, posed.joints, axes)
        shift = torch.eye(3, dtype=by_turn.dtype).expand(*by_turn.shape[:-1], 3)
        return torch.cat([shift, by_turn[..., :3], by_turn[..., 3:] @ self.prior.basis], dim=-1)

    def _rays(
        self, chain: Chain, posed: Posed, J: Tensor, tolerance: float, JB: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor] | tuple[()]:
        """Reprojection: the miss of each landmark's ray, in metres at the landmark's depth."""
        points, J = self.evidence.seen_from_camera(posed.points[..., None])[..., 0], self.evidence.seen_from_camera(J)
        depth = points[..., 2:].clamp_min(_NEAREST)
        model = points[..., :2] / depth
        miss = (model - self.evidence.rays) * depth
        A = J[..., :2, :] - model[..., None] * J[..., 2:, :]
        squared = (miss * miss).sum(-1) * (self.evidence.weights / self.settings.landmark_sigma) ** 2
        weight = robust(squared, self.settings.outlier_sigmas * tolerance)
        root = weight.sqrt() * self.evidence.weights / self.settings.landmark_sigma
        A = (A * root[..., None, None]).flatten(2, 3)
        r = (miss * root[..., None]).flatten(2, 3)
        chain.same += A.transpose(-1, -2) @ A
        chain.pull -= (A.transpose(-1, -2) @ r[..., None])[..., 0]
        if JB is None:
            return ()
        JB = self.evidence.seen_from_camera(JB)
        AB = ((JB[..., :2, :] - model[..., None] * JB[..., 2:, :]) * root[..., None, None]).flatten(2, 3)
        corner = torch.einsum("btri,btrj->bij", AB, AB)
        return A.transpose(-1, -2) @ AB, corner, -torch.einsum("btri,btr->bi", AB, r)

    def _bones(self, chain: Chain, posed: Posed, J: Tensor, tolerance: float) -> None:
        """World landmarks: directions of bones in the person's view, loose along the viewing ray."""
        settings, evidence = self.settings, self.evidence
        vectors = BONES @ posed.points
        length = vectors.norm(dim=-1).clamp_min(0.02)
        seen = (evidence.view[:, :, None] @ (vectors / length[..., None])[..., None])[..., 0]
        bones = (roma.rotvec_to_rotmat(self.lean)[:, None, None] @ evidence.bones[..., None])[..., 0]
        miss = seen - bones
        sigma = torch.tensor([settings.bone_sigma, settings.bone_sigma, settings.bone_depth_sigma], dtype=miss.dtype)
        scaled = miss / sigma * evidence.bone_weights[..., None]
        weight = robust((scaled * scaled).sum(-1), settings.outlier_sigmas * tolerance)
        root = (weight.sqrt() * evidence.bone_weights)[..., None] / sigma
        B, T, P, _, n = J.shape
        JB = (BONES @ J.reshape(B, T, P, 3 * n)).reshape(B, T, -1, 3, n) / length[..., None, None]
        A = ((evidence.view[:, :, None] @ JB) * root[..., None]).flatten(2, 3)
        r = (miss * root).flatten(2, 3)
        chain.same += A.transpose(-1, -2) @ A
        chain.pull -= (A.transpose(-1, -2) @ r[..., None])[..., 0]
        self._find_lean(seen, evidence.bones, weight * evidence.bone_weights**2)

    def _find_lean(self, seen: Tensor, bones: Tensor, weight: Tensor) -> None:
        """The constant rotation from the world landmarks' view to the person's, held near zero."""
        turned = (roma.rotvec_to_rotmat(self.lean)[:, None, None] @ bones[..., None])[..., 0]
        change = (torch.linalg.cross(turned, seen) * weight[..., None]).sum(dim=(1, 2))
        total = weight.sum(dim=(1, 2))[:, None] * (2 / 3)
        frames = self.evidence.present.sum(dim=1)[:, None].clamp_min(1)
        hold = frames * (self.settings.bone_depth_sigma / self.settings.view_sigma) ** 2 * 0.5
        self.lean = self.lean + 0.7 * (change - hold * self.lean) / (total + hold)

    def _feet(self, chain: Chain, posed: Posed, J: Tensor) -> None:
        """Feet that move slowly stand still."""
        if J.shape[1] < 2:
            return
        feet, JF = posed.points[:, :, _FEET], J[:, :, _FEET]
        speed = (feet[:, 1:] - feet[:, :-1]) * CLOCK_FPS
        weight = robust((speed * speed).sum(-1), self.settings.foot_speed)
        root = weight.sqrt() / self.settings.foot_sigma * CLOCK_FPS
        before = (JF[:, :-1] * root[..., None, None]).flatten(2, 3)
        after = (JF[:, 1:] * root[..., None, None]).flatten(2, 3)
        r = (speed / CLOCK_FPS * root[..., None]).flatten(2, 3)[..., None]
        chain.same[:, :-1] += before.transpose(-1, -2) @ before
        chain.same[:, 1:] += after.transpose(-1, -2) @ after
        chain.next1[:, :-1] -= before.transpose(-1, -2) @ after
        chain.pull[:, :-1] += (before.transpose(-1, -2) @ r)[..., 0]
        chain.pull[:, 1:] -= (after.transpose(-1, -2) @ r)[..., 0]

    def _root(self, chain: Chain, motion: Motion) -> None:
        """Smooth travel and smooth turning of the pelvis."""
        T = motion.pelvis.shape[1]
        settings = self.settings
        step = CLOCK_FPS**-2
        steps = motion.pelvis[:, 1:] - motion.pelvis[:, :-1]
        turns = roma.rotmat_to_rotvec(motion.root[:, :-1].transpose(-1, -2) @ motion.root[:, 1:])
        speed = torch.cat([steps, turns], dim=-1)
        move = [1 / (settings.root_acceleration * step)] * 3
        turn = [1 / (settings.root_turn_acceleration * step)] * 3
        weight2 = torch.tensor(move + turn, dtype=speed.dtype) ** 2
        weight1 = torch.tensor([CLOCK_FPS / 3.0] * 3 + [CLOCK_FPS / 6.0] * 3, dtype=speed.dtype) ** 2

        def add(pattern: tuple[float, ...], residual: Tensor, weight: Tensor) -> None:
            size = T - len(pattern) + 1
            blocks = (chain.same, chain.next1, chain.next2)
            for i, a in enumerate(pattern):
                chain.pull[:, i : i + size, :6] -= a * weight * residual
                for j in range(i, len(pattern)):
                    block = blocks[j - i][:, i : i + size, :6, :6]
                    block.diagonal(dim1=-2, dim2=-1).add_(a * pattern[j] * weight)

        if T >= 2:
            add((-1.0, 1.0), speed, weight1)
        if T >= 3:
            add((1.0, -2.0, 1.0), speed[:, 1:] - speed[:, :-1], weight2)

    def _limits(self, chain: Chain, posed: Posed) -> None:
        """Knees and elbows do not bend backwards (each a one-sided spring on the flexion's component)."""
        for name, axis, sign in (
            ("left_knee", 0, 1.0), ("right_knee", 0, 1.0), ("left_elbow", 1, -1.0), ("right_elbow", 1, 1.0),
        ):  # fmt: skip
            j = BODY_JOINTS.index(name) - 1
            straight = roma.rotmat_to_rotvec(self.prior.mean[j])[axis]
            flexion = sign * (straight + posed.x[..., j, axis])
            beyond = (-flexion).clamp_min(0)
            row = sign * self.prior.basis[3 * j + axis] / self.settings.limit_sigma
            active = (beyond > 0).to(row)
            chain.same[..., 6:, 6:] += active[..., None, None] * torch.outer(row, row)
            chain.pull[..., 6:] += (beyond / self.settings.limit_sigma)[..., None] * row

    def _motion_prior(self, chain: Chain, motion: Motion) -> None:
        """The autoregressive prior over all neighbouring triples, and a Gaussian over the first pair."""
        prior, D, z = self.prior, self.prior.dims, motion.z
        T = z.shape[1]
        first = min(T, 2)
        start = prior.start_precision[: first * D, : first * D]
        away = prior.start_mean[: first * D] - z[:, :first].flatten(1)
        self._add_prior(chain, 1, start, (away @ start)[:, None], first)
        if T >= 3:
            triple = torch.cat([z[:, :-2], z[:, 1:-1], z[:, 2:]], dim=-1)
            self._add_prior(chain, T - 2, self._motion_block, self._motion_pull - triple @ self._motion_block, 3)

    def _add_prior(self, chain: Chain, size: int, block: Tensor, pull: Tensor, frames: int) -> None:
        """Add the same block `[f*D,f*D]` over f frames at the first `size` places; `pull [B,size,f*D]`."""
        D = self.prior.dims
        targets = (chain.same, chain.next1, chain.next2)
        for i in range(frames):
            rows = slice(i * D, (i + 1) * D)
            chain.pull[:, i : i + size, 6:] += pull[..., rows]
            for j in range(i, frames):
                target = targets[j - i][:, i : i + size, 6:, 6:]
                target += block[rows, j * D : (j + 1) * D]
