"""Synthetic clips of a camera that is carried after the person: hand-held, walking, its turning known, its way not."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from ...geometry.projection import project
from ...records.camera import Camera
from ...records.people import MASK_WH, PersonTrack
from ...records.video import Video
from ...stages.estimate.kinematic.figure import Figure
from ...training.mocap import MocapClip
from ..synthetic.clips import FPS, SyntheticClip
from ..synthetic.corruption import Corruption, corrupt

_SIZE: Final = (1280, 720)
_SHAKE_M, _SHAKE_DEG = 0.02, 0.7
_TURN_ERROR_DEG: Final = 0.3
"""By how much the turning is told wrongly at most times, as drift."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class FollowedClip:
    """A clip, and the true joints `[N,22,3]` in the world (y up, floor y = 0, metres)."""

    clip: SyntheticClip
    joints_world: Array
    eye: Array


def _slow(rng: np.random.Generator, count: int, seconds: float) -> Array:
    """Unit-variance noise `[N,3]` that changes within about `seconds`."""
    noise = gaussian_filter1d(rng.normal(size=(count, 3)), seconds * FPS, axis=0, mode="reflect")
    return noise / max(noise.std(), 1e-9)


def _look_at(eye: Array, target: Array) -> Array:
    """Rotations `[N,3,3]` from the world (y up) to a camera (x right, y down, z forward) that is level."""
    forward = target - eye
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def follow(motion: MocapClip, figure: Figure, *, frames: int, seed: int, corruption: Corruption) -> FollowedClip:
    """Somebody is followed by a hand-held camera: a few metres away, behind, beside or before them.

    Args:
        motion: of held-back subjects.
        figure: the estimator's figure of the body.
        frames: length, 30 a second.
        seed: of the stretch, the body, the camera and the corruption.
        corruption: the error model's settings.
    """
    rng = np.random.default_rng(seed)
    start = int(rng.integers(0, max(len(motion.midhip) - frames, 0) + 1))
    local, midhip = motion.rotations[start : start + frames], motion.midhip[start : start + frames]
    N = len(local)
    betas = np.clip(rng.normal(0, 0.7, figure.points_by_beta.shape[-1]), -2, 2)
    rest, _ = figure.rest(torch.from_numpy(betas))
    leg = float((rest[1] - rest[4]).norm() + (rest[4] - rest[7]).norm())
    hips = 0.5 * (rest[1] + rest[2]) - rest[0]
    pelvis = midhip * (leg / motion.leg_length) - np.einsum("tij,j->ti", local[:, 0], hips.numpy())

    calm = gaussian_filter1d(pelvis, FPS, axis=0, mode="nearest") * [1, 0, 1]
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(3.0, 5.0)
    eye = calm + np.array([distance * np.sin(angle), rng.uniform(1.4, 1.8), distance * np.cos(angle)])
    eye = eye + 0.2 * _slow(rng, N, 1.5) * [1, 0.3, 1] + _SHAKE_M * _slow(rng, N, 0.08)
    R = _look_at(eye, calm + np.array([0, 0.9, 0]))
    R = Rotation.from_rotvec(np.deg2rad(_SHAKE_DEG) * _slow(rng, N, 0.1)).as_matrix() @ R
    focal = 1280 * rng.uniform(0.65, 0.9)
    K = np.array([[focal, 0, _SIZE[0] / 2], [0, focal, _SIZE[1] / 2], [0, 0, 1.0]])

    def pose(rotations: Array, place: Array) -> tuple[Array, Array]:
        joints, points, _ = figure.pose(*(torch.from_numpy(x) for x in (betas, rotations, place)))
        return joints.numpy(), points.numpy()

    in_camera = local.copy()
    in_camera[:, 0] = R @ local[:, 0]
    seen_from = np.einsum("nij,nj->ni", R, pelvis - eye)
    joints, points = pose(in_camera, seen_from)
    pixels = project(torch.from_numpy(points), torch.from_numpy(K)).numpy()
    seen = corrupt(pixels, points, _SIZE, rng, corruption)
    track = PersonTrack(
        person_id=1,
        shot=0,
        frames=np.arange(N),
        seen=seen.seen,
        box=np.concatenate([seen.keypoints.min(1), seen.keypoints.max(1)], axis=1).astype(np.float32),
        keypoints=seen.keypoints.astype(np.float32),
        visibility=seen.visibility.astype(np.float32),
        keypoints_world=seen.world.astype(np.float32),
        mask=np.zeros((N, MASK_WH[1], MASK_WH[0] // 8), np.uint8),
    )
    drift = _slow(rng, N, 1.0)
    wrong = Rotation.from_rotvec(np.deg2rad(_TURN_ERROR_DEG) * (drift - drift[0])).as_matrix()
    turn = R[0] @ R.transpose(0, 2, 1) @ wrong
    name = f"{motion.name}@{start}/{seed}, followed"
    clip = SyntheticClip(
        name,
        Video(Path(f"{motion.name}.synthetic"), FPS, _SIZE, np.arange(N) / FPS, np.arange(N)),
        track,
        Camera(np.repeat(K[None], N, axis=0), np.zeros(5), ("user",), turn, ("carried",)),
        betas,
        in_camera,
        seen_from,
        joints,
        points,
        seen.hidden,
        R[0] @ np.array([0.0, 1.0, 0.0]),
    )
    return FollowedClip(clip, pose(local, pelvis)[0], eye)
