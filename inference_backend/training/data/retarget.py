"""Motion capture on the open body: one shape for each subject, then poses that put feet and hands where they were.

Rotations carry over from skeleton to skeleton; what they leave is that other bone lengths make feet slide and sink. So
a few Gauss-Newton steps turn hips, knees, ankles, shoulders and elbows a little and move the pelvis, until the ankles
(and where the source has them in the right place, knees, elbows and wrists) are where the scaled source has them, and
no sole is under the floor.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from ...body.body import Body
from ...protocol.skeleton import BODY_JOINTS, BODY_PARENTS
from ...stages.estimate.kinematic.figure import Figure
from ..mocap import MocapClip

_HIPS, _KNEES, _ANKLES = (1, 2), (4, 5), (7, 8)
_SHOULDERS, _ELBOWS, _WRISTS = (16, 17), (18, 19), (20, 21)
_SOLES: Final = ("sole_heel", "sole_big_ball", "sole_small_ball", "sole_toe")
_TURNING: Final = (*_HIPS, *_KNEES, *_ANKLES, *_SHOULDERS, *_ELBOWS)
# Bones whose lengths tell the shape. Shoulders do not: the figures have them where the collar bones begin to move.
_LENGTHS: Final = (
    (1, 4), (2, 5), (4, 7), (5, 8), (16, 18), (17, 19), (18, 20), (19, 21), (1, 2),
)  # fmt: skip
_LENGTH_SIGMA, _BETA_SIGMA = 0.015, 0.7
_ANKLE_SIGMA, _HIP_SIGMA, _KNEE_SIGMA, _ARM_SIGMA, _SOLE_SIGMA = 0.006, 0.03, 0.03, 0.02, 0.004
_TURN_SIGMA: Final = float(np.deg2rad(4.0))
_STEPS: Final = 3
_FRAMES_AT_ONCE: Final = 2048
_LOW_PASS: Final = 0.7
"""Frames; takes the noise of quantised sources out of the rotations."""
_FLOOR_PERCENTILE: Final = 3


@dataclass(frozen=True)
class Motion:
    """A clip on the body; world y up, floor y = 0, 30 frames a second.

    Attributes:
        name, subject, uneven: as in `MocapClip`.
        betas: `[10]`, the subject's shape.
        rotations: `[T,22,3,3]`, pelvis to world, then local.
        pelvis: `[T,3]`, metres.
        error: mean distance from the scaled source of each joint that it has, metres `[22]`, NaN elsewhere.
        turned: largest correction of any joint in each frame, radians `[T]`.
        lowest: height of the lowest sole point in each frame, metres `[T]`.
    """

    name: str
    subject: int
    uneven: bool
    betas: NDArray[np.float64]
    rotations: NDArray[np.float64]
    pelvis: NDArray[np.float64]
    error: NDArray[np.float64]
    turned: NDArray[np.float64]
    lowest: NDArray[np.float64]


def _lengths(joints: Tensor) -> Tensor:
    bones = [joints[..., a, :] - joints[..., b, :] for a, b in _LENGTHS]
    trunk = joints[..., _SHOULDERS, :].mean(-2) - joints[..., _HIPS, :].mean(-2)
    return torch.stack([*bones, trunk], -2).norm(dim=-1)


def subject_shape(body: Body, clips: list[MocapClip]) -> NDArray[np.float64]:
    """Shape `[10]` whose bones are as long as the figure's: regularised least squares over lengths.

    Args:
        body: the open body, float64.
        clips: clips of one subject, all on the same figure (some frames of them are looked at).
    """
    frames = np.concatenate([clip.joints[:: max(1, len(clip.joints) // 20)] for clip in clips])
    target = _lengths(torch.from_numpy(frames)).median(0).values
    known = target.isfinite()
    betas = torch.zeros(10, dtype=torch.float64)

    def residual(b: Tensor) -> Tensor:
        misfit = (_lengths(body.rest_joints(b)[:22]) - target)[known] / _LENGTH_SIGMA
        return torch.cat((misfit, b / _BETA_SIGMA))

    for _ in range(6):
        jacobian = torch.func.jacfwd(residual)(betas)
        betas = betas - torch.linalg.lstsq(jacobian, residual(betas)[:, None]).solution[:, 0]
    return betas.numpy()


def _figure(body: Body) -> Figure:
    """The body's skeleton; its points are all joints, then the soles' points of both feet."""
    joints, by_beta = body.J_template[:22].double(), body.J_shapedirs[:22].double()
    soles = [body.points[f"{side}_{name}"] for side in ("left", "right") for name in _SOLES]
    owner = body.lbs_weights[soles][:, :22].argmax(1)
    # A joint as a point moves with its parent, like the end of the bone that leads to it.
    point_joints = torch.tensor([max(p, 0) for p in BODY_PARENTS])
    return Figure(
        joints,
        by_beta,
        torch.cat((joints, body.v_template[soles].double())),
        torch.cat((by_beta, body.shapedirs[soles].double())),
        torch.cat((point_joints, owner)),
    )


class Retargeting:
    """Puts clips of one subject on the body.

    Args:
        body: the open body, float64.
        betas: the subject's shape.
    """

    def __init__(self, body: Body, betas: NDArray[np.float64]) -> None:
        self.betas = betas
        self._figure = _figure(body)
        self._shape = torch.from_numpy(betas)
        self._rest, points = self._figure.rest(self._shape)
        self._ankle_height = float(self._rest[_ANKLES, 1].mean() - points[22:, 1].min())
        self._columns = torch.tensor([3 * j + axis for j in _TURNING for axis in range(3)])

    def _bone(self, *chain: int) -> float:
        return float(self._rest[list(chain)].diff(dim=0).norm(dim=-1).sum())

    def motion(self, clip: MocapClip) -> Motion:
        """Fit one clip."""
        rotations = torch.from_numpy(_low_pass(clip.rotations, _LOW_PASS))
        scale = self._bone(1, 4, 7) / clip.leg_length
        source = torch.from_numpy(gaussian_filter1d(clip.joints, _LOW_PASS, axis=0, mode="nearest")) * scale
        midhip = torch.from_numpy(gaussian_filter1d(clip.midhip, _LOW_PASS, axis=0, mode="nearest")) * scale
        stand = source[:, _ANKLES, 1].amin(1).quantile(_FLOOR_PERCENTILE / 100)
        lift = torch.tensor([0.0, float(self._ankle_height - stand), 0.0], dtype=torch.float64)
        source, midhip = source + lift, midhip + lift
        # Toes tell the figure with ankles alone from the one whose elbows and knees are where a person has them.
        exact = bool(torch.isfinite(source[:, 10]).all())
        hips = self._rest[_HIPS, :].mean(0) - self._rest[0]
        pelvis = midhip - (rotations[:, 0] @ hips)
        parts = [
            self._fit(rotations[s], pelvis[s], source[s], exact, not clip.uneven)
            for s in _slices(len(rotations), _FRAMES_AT_ONCE)
        ]
        rotations, pelvis, turned = (torch.cat(column) for column in zip(*parts, strict=True))
        _, points, _ = self._figure.pose(self._shape, rotations, pelvis)
        lowest = points[:, 22:, 1].amin(1)
        # Whatever the source's floor was: most frames stand on y = 0.
        floor = lowest.quantile(_FLOOR_PERCENTILE / 100)
        pelvis[:, 1] -= floor
        error = (points[:, :22] - source).norm(dim=-1).nanmean(0)
        return Motion(
            clip.name,
            clip.subject,
            clip.uneven,
            self.betas,
            rotations.numpy(),
            pelvis.numpy(),
            error.numpy(),
            turned.numpy(),
            (lowest - floor).numpy(),
        )

    def _fit(
        self, rotations: Tensor, pelvis: Tensor, source: Tensor, exact: bool, floor: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gauss-Newton on frames `[N,...]`: new rotations, pelvis, and the largest correction of each frame."""
        start, total = pelvis, torch.zeros(len(pelvis), len(_TURNING), 3, dtype=torch.float64)
        lengths = [(_SHOULDERS, _ELBOWS, (16, 18)), (_ELBOWS, _WRISTS, (18, 20))]
        for _ in range(_STEPS):
            joints, points, turned = self._figure.pose(self._shape, rotations, pelvis)
            by_turn = self._figure.by_turn(points, joints, turned)[..., self._columns]
            rows, misfits = [], []

            def add(row: Tensor, misfit: Tensor, sigma: float) -> None:
                rows.append((row / sigma).flatten(1, -2))  # noqa: B023
                misfits.append((misfit / sigma).flatten(1))  # noqa: B023

            move = torch.eye(3, dtype=torch.float64).expand(len(pelvis), 1, 3, 3)

            def moved(which: tuple[int, ...], by_turn: Tensor = by_turn, move: Tensor = move) -> Tensor:
                return torch.cat((by_turn[:, which], move.expand(-1, len(which), -1, -1)), -1)

            add(moved(_ANKLES), points[:, _ANKLES] - source[:, _ANKLES], _ANKLE_SIGMA)
            if exact:
                add(moved(_KNEES), points[:, _KNEES] - source[:, _KNEES], _KNEE_SIGMA)
                for above, below, bone in lengths:
                    theirs = source[:, below] - source[:, above]
                    ratio = self._bone(*bone) / theirs.norm(dim=-1).median()
                    ours = points[:, below] - points[:, above]
                    add(moved(below) - moved(above), ours - ratio * theirs, _ARM_SIGMA)
            if floor:
                under = points[:, 22:, 1].clamp(max=0)
                soles = moved(tuple(range(22, points.shape[1])))[:, :, 1]
                add((soles * (under < 0)[..., None])[:, :, None], under[..., None], _SOLE_SIGMA)
            hold = torch.zeros(len(pelvis), 3, len(self._columns) + 3, dtype=torch.float64)
            hold[..., -3:] = torch.eye(3)
            add(hold, pelvis - start, _HIP_SIGMA)
            keep = torch.zeros(len(pelvis), len(self._columns), len(self._columns) + 3, dtype=torch.float64)
            keep[..., : len(self._columns)] = torch.eye(len(self._columns))
            add(keep, total.flatten(1), _TURN_SIGMA)
            J, r = torch.cat(rows, 1), torch.cat(misfits, 1)
            step = -torch.linalg.solve(J.mT @ J, J.mT @ r[..., None])[..., 0]
            turn = step[:, :-3].unflatten(1, (-1, 3))
            total = total + turn
            rotations = rotations.clone()
            rotations[:, _TURNING] = rotations[:, _TURNING] @ roma.rotvec_to_rotmat(turn)
            pelvis = pelvis + step[:, -3:]
        return rotations, pelvis, total.norm(dim=-1).amax(1)


def _low_pass(rotations: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    mixed = torch.from_numpy(gaussian_filter1d(rotations, sigma, axis=0, mode="nearest"))
    return roma.special_gramschmidt(mixed.flatten(0, 1)[..., :2]).view(mixed.shape).numpy()


def _slices(n: int, step: int) -> list[slice]:
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


def broken(motion: Motion) -> str | None:
    """Why a clip should not be learned from, or None: the fit turned joints far, missed joints, or left the floor."""
    if np.quantile(motion.turned, 0.99) > np.deg2rad(35):
        return "joints turned by more than 35 degrees"
    ankles = np.nanmax(motion.error[list(_ANKLES)])
    if ankles > 0.05:
        return "ankles missed by more than 5 cm"
    if not motion.uneven and (motion.lowest < -0.06).mean() > 0.02:
        return "soles under the floor"
    pace = np.linalg.norm(np.diff(motion.pelvis, axis=0), axis=1)
    if len(pace) and pace.max() > 0.35:
        return "the pelvis jumps"
    return None


def joint_table(motions: list[Motion]) -> dict[str, float]:
    """Mean distance of each joint from the scaled source over motions, millimetres, weighted by length."""
    weight = np.array([len(m.pelvis) for m in motions], float)
    errors = np.stack([m.error for m in motions])
    return {
        name: float(1000 * np.average(errors[ok, j], weights=weight[ok]))
        for j, name in enumerate(BODY_JOINTS)
        if (ok := np.isfinite(errors[:, j])).any()
    }
