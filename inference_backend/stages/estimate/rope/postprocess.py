"""From what the network says of single frames to one motion: one body shape, bridged gaps, smoothing."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, uniform_filter1d
from scipy.signal import savgol_filter
from torch import Tensor

from ....body.body import Body
from ....geometry.clock import CLOCK_FPS, slerp
from ....geometry.rot6d import matrix_from_rot6d_columns, rot6d_columns
from ....models.rope.camera import depth_sigma
from ....protocol.skeleton import BODY_JOINTS
from .inference import FramePredictions

_DISTANCE_M = 4.0
_DRIFT_M = 0.02
_ODDEST_BETA = 5.0  # standard deviations; beyond, bodies turn inside out
_LEG_AND_TRUNK = (1, 4, 7, 3, 6, 9, 12, 15)
_PARENTS = (0, 1, 4, 0, 3, 6, 9, 12)


@dataclass(frozen=True)
class RopeMotion:
    """Motion of M frames on the clock; float64.

    Attributes:
        betas: `[10]`.
        rotations: `[M,22,3,3]`; pelvis: `[M,3]`, camera frame, metres.
        visibility: `[M,22]`, 0..1; 0 where the person was not seen.
        depth_sigma: `[M]`, metres.
    """

    betas: Tensor
    rotations: Tensor
    pelvis: Tensor
    visibility: NDArray[np.float64]
    depth_sigma: NDArray[np.float64]


def postprocess(predicted: FramePredictions, time_s: NDArray[np.float64], body: Body, smoothing_s: float) -> RopeMotion:
    """Make one motion of all frames.

    Args:
        predicted: what the network said of the seen frames.
        time_s: `[M]`, the clock.
        body: the body.
        smoothing_s: see `RopeSettings`.
    """
    count = len(time_s)
    good = _usable(predicted)
    visibility = np.zeros((count, len(BODY_JOINTS)))
    if len(good) == 0:
        upright = torch.eye(3, dtype=torch.float64).repeat(count, len(BODY_JOINTS), 1, 1)
        upright[:, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
        pelvis = torch.tensor([0.0, 0.0, _DISTANCE_M], dtype=torch.float64).expand(count, 3).clone()
        return RopeMotion(torch.zeros(10, dtype=torch.float64), upright, pelvis, visibility, np.full(count, 5.0))
    shapes = predicted.betas[good].clamp(-_ODDEST_BETA, _ODDEST_BETA)
    index, betas = predicted.index[good], one_shape(shapes, predicted.visibility[good])
    visibility[index] = predicted.visibility[good][:, : len(BODY_JOINTS)].numpy()
    # Another stature at another distance looks the same.
    pelvis = predicted.pelvis[good] * (_stature(body, betas[None]) / _stature(body, shapes))[:, None]
    turned = slerp(time_s[index], predicted.rotations[good].numpy(), time_s)
    view = torch.cat((pelvis[:, :2] / pelvis[:, 2:], pelvis[:, 2:].log()), 1).numpy()
    view = np.stack([np.interp(time_s, time_s[index], column) for column in view.T], 1)
    seen = np.isin(np.arange(count), index)
    gap = np.zeros(count) if seen.all() else distance_transform_edt(~seen)
    sigma = depth_sigma(torch.from_numpy(np.exp(view[:, 2]))).numpy()
    rotations = torch.from_numpy(turned)
    if (window := _window(smoothing_s, count)) > 2:
        rotations = matrix_from_rot6d_columns(torch.from_numpy(_smooth(rot6d_columns(rotations).numpy(), window)))
        view = _smooth(view, window)
    depth = np.exp(view[:, 2:])
    placed = torch.from_numpy(np.concatenate((view[:, :2] * depth, depth), 1))
    near = uniform_filter1d(visibility, 5, axis=0, mode="nearest") * seen[:, None]
    return RopeMotion(betas, rotations, placed, near, np.clip(np.hypot(sigma, _DRIFT_M * gap), 0.01, 5.0))


def _usable(predicted: FramePredictions) -> NDArray[np.int64]:
    """Seen frames of which everything that the network said is finite."""
    parts = (predicted.rotations, predicted.betas, predicted.pelvis, predicted.visibility)
    return np.flatnonzero(np.logical_and.reduce([x.flatten(1).isfinite().all(1).numpy() for x in parts]))


def one_shape(betas: Tensor, visibility: Tensor) -> Tensor:
    """One body shape `[10]` for the clip: the median over the better seen half of the frames."""
    seen = visibility.mean(1)
    return betas[seen >= seen.median()].median(0).values


def _stature(body: Body, betas: Tensor) -> Tensor:
    """Length of leg, trunk and neck `[S]`, metres."""
    rest = body.rest_joints(betas.to(body.J_template)).double()
    return (rest[:, list(_LEG_AND_TRUNK)] - rest[:, list(_PARENTS)]).norm(dim=-1).sum(1)


def _window(smoothing_s: float, count: int) -> int:
    """Frames of the smoothing window: odd, and no more than there are."""
    frames = min(round(smoothing_s * CLOCK_FPS), count)
    return frames if frames % 2 else frames - 1


def _smooth(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    return savgol_filter(values, window, 2 if window > 3 else 1, axis=0)
