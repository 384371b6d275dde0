"""Synthetic test clips: motion capture on the body, seen by a virtual camera, as corrupted landmarks.

Everything an estimator gets (video times, track, camera) and the truth it should find. Seeded: the same seed, the
same clip.
"""

from dataclasses import dataclass
from pathlib import Path

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
from .corruption import Corruption, corrupt

FPS = 30.0
Array = NDArray[np.float64]


@dataclass(frozen=True)
class SyntheticClip:
    """Input of an estimator, and the truth.

    Attributes:
        name: which motion and seed.
        video, track, camera: as the stages before the estimator would hand them over.
        betas: `[10]`.
        rotations: `[N,22,3,3]`, pelvis to camera, then local rotations.
        pelvis: `[N,3]`, camera frame, metres.
        joints: `[N,22,3]`, camera frame.
        points: `[N,33,3]`, the landmarks' true places, camera frame.
        hidden: bool `[N,33]`, the landmark lay behind something.
        up: `[3]`, the vertical in the camera frame.
    """

    name: str
    video: Video
    track: PersonTrack
    camera: Camera
    betas: Array
    rotations: Array
    pelvis: Array
    joints: Array
    points: Array
    hidden: NDArray[np.bool_]
    up: Array


def _look_at(eye: Array, target: Array, roll: float) -> Array:
    """World (y up) to camera (x right, y down, z forward)."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    return Rotation.from_euler("z", roll).as_matrix() @ R


def _camera_for(rng: np.random.Generator, path: Array, height: float) -> tuple[Array, Array, Array, tuple[int, int]]:
    """A still camera that keeps the path `[N,3]` of the hips in view: R, eye, K, size."""
    portrait = rng.random() < 0.5
    size = (720, 1280) if portrait else (1280, 720)
    focal = 1280 * rng.uniform(0.65, 1.25)
    middle = 0.5 * (path.min(axis=0) + path.max(axis=0))
    reach = 0.5 * np.linalg.norm(np.ptp(path[:, [0, 2]], axis=0))
    tall = height * focal / (0.85 * size[1])
    distance = max(rng.uniform(1.8, 8.0), tall, reach * (1 + 2 * focal / size[0]))
    angle = rng.uniform(0, 2 * np.pi)
    rise = rng.uniform(2.2, 4.0) if rng.random() < 0.15 else rng.uniform(0.3, 2.2)
    eye = np.array([middle[0] + distance * np.sin(angle), rise, middle[2] + distance * np.cos(angle)])
    target = middle + np.array([*rng.normal(0, 0.15, 2), 0.0])
    R = _look_at(eye, target, np.deg2rad(rng.normal(0, 3.4)))
    K = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1.0]])
    return R, eye, K, size


def make_clip(
    motion: MocapClip,
    figure: Figure,
    *,
    frames: int = 120,
    seed: int = 0,
    corruption: Corruption | None = None,
    betas_sigma: float = 1.0,
) -> SyntheticClip:
    """Put a stretch of motion in front of a virtual camera and corrupt what is seen of it.

    Args:
        motion: from the mocap's val split, so that nothing fitted to the mocap has seen it.
        figure: the estimator's figure of the body: joints and landmark places.
        frames: length, 30 frames a second; a shorter motion gives a shorter clip.
        seed: of the stretch, the body, the camera and the corruption.
        corruption: the error model's settings; None for perfect landmarks.
        betas_sigma: spread of body shapes.
    """
    rng = np.random.default_rng(seed)
    start = int(rng.integers(0, max(len(motion.midhip) - frames, 0) + 1))
    span = slice(start, start + frames)
    local, midhip = motion.rotations[span].copy(), motion.midhip[span]
    local[:, 1:] = _smooth(local[:, 1:], 0.7)
    betas = np.clip(rng.normal(0, betas_sigma, figure.points_by_beta.shape[-1]), -2, 2)
    rest, _ = figure.rest(torch.from_numpy(betas))
    leg = float((rest[1] - rest[4]).norm() + (rest[4] - rest[7]).norm())
    hips = 0.5 * (rest[1] + rest[2]) - rest[0]
    pelvis = midhip * (leg / motion.leg_length) - np.einsum("tij,j->ti", local[:, 0], hips.numpy())
    height = float(rest[:, 1].max() - rest[:, 1].min()) + 0.15

    R, eye, K, size = _camera_for(rng, midhip, height)
    rotations = local.copy()
    rotations[:, 0] = R @ local[:, 0]
    pelvis = (pelvis - eye) @ R.T
    joints, points, _ = figure.pose(torch.from_numpy(betas), torch.from_numpy(rotations), torch.from_numpy(pelvis))
    dist = np.zeros(5)
    pixels = project(points, torch.from_numpy(K)).numpy()
    joints, points = joints.numpy(), points.numpy()

    seen = corrupt(pixels, points, size, rng, corruption)
    N = len(points)
    box = _boxes(seen.keypoints, seen.seen)
    track = PersonTrack(
        person_id=1,
        shot=0,
        frames=np.arange(N),
        seen=seen.seen,
        box=box,
        keypoints=seen.keypoints.astype(np.float32),
        visibility=seen.visibility.astype(np.float32),
        keypoints_world=seen.world.astype(np.float32),
        mask=np.zeros((N, MASK_WH[1], MASK_WH[0] // 8), np.uint8),
    )
    video = Video(Path(f"{motion.name}.synthetic"), FPS, size, np.arange(N) / FPS, np.arange(N))
    camera = Camera(np.repeat(K[None], N, axis=0), dist, ("user",))
    return SyntheticClip(
        f"{motion.name}@{start}/{seed}",
        video,
        track,
        camera,
        betas,
        rotations,
        pelvis,
        joints,
        points,
        seen.hidden,
        R @ np.array([0.0, 1.0, 0.0]),
    )


def _smooth(rotations: Array, sigma: float) -> Array:
    """Low-pass rotation matrices in time, so that the mocap's own noise is not taken for motion."""
    mixed = gaussian_filter1d(rotations, sigma, axis=0, mode="nearest")
    u, _, vt = np.linalg.svd(mixed)
    return u @ vt


def _boxes(keypoints: Array, seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    box = np.zeros((len(keypoints), 4), np.float32)
    if not seen.any():
        return box
    low, high = np.nanmin(keypoints[seen], axis=1), np.nanmax(keypoints[seen], axis=1)
    corners = np.concatenate([low, high], axis=1)
    for i in range(4):
        box[:, i] = np.interp(np.arange(len(box)), np.flatnonzero(seen), corners[:, i])
    return box


def choose_motions(motions: list[MocapClip], count: int, *, frames: int = 120, seed: int = 0) -> list[MocapClip]:
    """A spread over subjects of motions that stand on the floor and are long enough."""
    rng = np.random.default_rng(seed)
    good = [m for m in motions if len(m.midhip) >= frames and not m.uneven]
    subjects = sorted({m.subject for m in good})
    chosen: list[MocapClip] = []
    while len(chosen) < count:
        for subject in subjects:
            mine = [m for m in good if m.subject == subject]
            chosen.append(mine[int(rng.integers(len(mine)))])
    return chosen[:count]
