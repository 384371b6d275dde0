"""A person's track on the 30 fps clock, and what of it the optimiser is told."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from ....geometry.blazepose_bones import BONES
from ....geometry.clock import clock_times, cubic, cubic_rotations, sample_seen, slerp
from ....geometry.projection import undistort
from ....records.camera import Camera
from ....records.people import PersonTrack
from ....records.video import Video
from .evidence import Evidence, view_rotation

Array = NDArray[np.float64]
_KERNEL = np.exp(-0.5 * (np.arange(-4, 5) / 1.5) ** 2)


@dataclass(frozen=True)
class Observations:
    """Landmarks of M frames on the 30 fps clock: seen `[M]`, rays `[M,33,2]`, visibility `[M,33]`, world `[M,33,3]`.

    Attributes:
        turn: `[M,3,3]`, from each frame's camera axes to those of the shot's first frame, in which a camera that turns
            is still; None where it does not turn.
    """

    time_s: Array
    seen: NDArray[np.bool_]
    rays: Array
    visibility: Array
    world: Array
    turn: Array | None = None


def observe(video: Video, track: PersonTrack, camera: Camera) -> Observations:
    """Bring a track's landmarks onto the 30 fps clock."""
    time_s = video.time_s[track.frames]
    rays = undistort(track.keypoints, camera.K[track.frames], camera.dist)
    world, visibility = track.keypoints_world.astype(np.float64), track.visibility.astype(np.float64)
    finite = np.isfinite(rays).all((1, 2)) & np.isfinite(world).all((1, 2)) & np.isfinite(visibility).all(1)
    clock = clock_times(time_s)
    seen, (rays, visibility, world) = sample_seen(time_s, track.seen & finite, clock, rays, visibility, world)
    turn = camera.turn_of(track.frames)
    if turn is not None:
        turn = slerp(time_s, turn, clock)
    return Observations(clock, seen, np.nan_to_num(rays), np.nan_to_num(visibility), np.nan_to_num(world), turn)


def motion_at_source(
    video: Video, track: PersonTrack, camera: Camera, observed: Observations, rotations: Array, pelvis: Array
) -> tuple[Array, Array]:
    """A motion on the clock, at the source's own time stamps.

    Args:
        video, track, camera: what was observed.
        observed: what came of it.
        rotations: `[M,J,3,3]`, the pelvis to the camera first, then local ones.
        pelvis: `[M,3]`, camera frame, metres.

    Returns:
        The same of the track's N frames. A camera that turns or shakes does so between the clock's ticks, too.
    """
    time_s, turn = video.time_s[track.frames], camera.turn_of(track.frames)
    if observed.turn is not None and turn is not None:
        rotations = np.concatenate((observed.turn[:, None] @ rotations[:, :1], rotations[:, 1:]), axis=1)
        pelvis = np.einsum("nij,nj->ni", observed.turn, pelvis)
    rotations, pelvis = cubic_rotations(observed.time_s, rotations, time_s), cubic(observed.time_s, pelvis, time_s)
    rotations[:, 0], pelvis = into_camera(turn, rotations[:, 0], pelvis)
    return rotations, pelvis


def into_camera(turn: Array | None, root: Array, pelvis: Array) -> tuple[Array, Array]:
    """Root `[N,3,3]` and pelvis `[N,3]` from axes that stand still, in those of a camera that turns (`[N,3,3]`, None if
    it does not)."""
    if turn is None:
        return root, pelvis
    return turn.swapaxes(1, 2) @ root, np.einsum("nji,nj->ni", turn, pelvis)


def fill(values: Array, weight: Array) -> Array:
    """Fill frames without evidence linearly and smooth the rest lightly, each landmark by its own weights."""
    index = np.arange(len(values))
    has = weight.sum(axis=1) > 0
    if not has.any():
        return values
    flat = values.reshape(len(values), -1)
    filled = np.stack([np.interp(index, index[has], flat[has, k]) for k in range(flat.shape[1])], axis=1)
    filled = filled.reshape(values.shape)
    w = np.maximum(weight, 1e-3) ** 2
    total, mixed = np.zeros_like(w), np.zeros_like(filled)
    for offset, k in zip(range(-4, 5), _KERNEL, strict=True):
        at = np.clip(index + offset, 0, len(index) - 1)
        total += k * w[at]
        mixed += k * w[at][..., None] * filled[at]
    return mixed / total[..., None]


def smooth_weights(weights: Array) -> Tensor:
    """Weights of the smoothed landmarks: what is near in time counts, too."""
    return torch.from_numpy(gaussian_filter1d(weights, 2.0, axis=0, mode="nearest"))


def _view(observed: Observations, weights: Array) -> Tensor:
    """Rotation from the camera into the view that looks at the person, `[M,3,3]`."""
    weight = np.maximum(weights[:, 11:], 1e-6)
    centre = (observed.rays[:, 11:] * weight[..., None]).sum(axis=1) / weight.sum(axis=1, keepdims=True)
    return view_rotation(torch.from_numpy(fill(centre[:, None], observed.seen[:, None].astype(float))[:, 0]))


def build_evidence(observed: Observations, weights: Array) -> tuple[Evidence, Tensor]:
    """Evidence of M frames as one window; and for the start smoothed world landmarks `[M,33,3]`, each frame's axes."""
    view = _view(observed, weights)
    world = torch.from_numpy(observed.world)
    vectors = BONES @ world
    length = vectors.norm(dim=-1, keepdim=True)
    bones = torch.where(length > 1e-6, vectors / length.clamp_min(1e-6), torch.zeros_like(vectors))
    t = torch.from_numpy(weights)
    bone_weights = torch.stack([t[:, ends].amin(dim=-1) for ends in BONES.abs() > 0], dim=-1)
    smooth = torch.from_numpy(fill(observed.world, weights))
    landmarks = (view.transpose(-1, -2)[:, None] @ smooth[..., None])[..., 0]
    present = torch.ones(1, len(weights), dtype=torch.float64)
    turn = None
    if observed.turn is not None:
        turn = torch.from_numpy(observed.turn)[None]
        view = view @ turn[0].mT
    evidence = Evidence(
        torch.from_numpy(observed.rays)[None], t[None], bones[None], bone_weights[None], view[None], present, turn
    )
    return evidence, landmarks
