"""Augmentation in MoRo's training: noisy trajectories, cropped-away body parts, jittered boxes (sections 3.6, A)."""

from dataclasses import dataclass

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

TEST_NOISE = (0.03, 2.0)
"""Translation (metres) and rotation (degrees) noise at test."""

_BOX_MARGIN = 1.2
_SMALLEST_SIDE = 4.0
_JITTER = 0.1


def noise_level(progress: float) -> tuple[float, float]:
    """Translation (metres) and rotation (degrees) noise at a training progress of 0..1: none, little, full."""
    if progress < 0.3:
        return 0.0, 0.0
    return (0.01, 1.0) if progress < 0.6 else TEST_NOISE


def noisy_trajectory(
    rotation: Tensor, translation: Tensor, level: tuple[float, float], generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Add independent noise to each frame of absolute trajectories, before they are made canonical.

    Args:
        rotation: `[B,T,3,3]`; noise goes on its intrinsic ZXY Euler angles.
        translation: `[B,T,1,3]`, metres.
        level: standard deviations, metres and degrees.
        generator: source of randomness.
    """
    device = translation.device if generator is None else generator.device
    noise = torch.randn(translation.shape, generator=generator, device=device)
    moved = translation + level[0] * noise.to(translation)
    angles = roma.rotmat_to_euler("ZXY", rotation, degrees=True)
    angles = angles + level[1] * torch.randn(angles.shape, generator=generator, device=device).to(angles)
    return roma.euler_to_rotmat("ZXY", angles, degrees=True), moved


@dataclass(frozen=True)
class ExtremeCrop:
    """A crop to a part of the body.

    Attributes:
        share: probability among the crops.
        factor: enlargement of the box beyond the usual margin.
        body: OpenPose-25 keypoints that stay.
        extra: keypoints of image data sets (19 slots) that stay.
    """

    share: float
    factor: float
    body: tuple[int, ...]
    extra: tuple[int, ...]


EXTREME_CROPS: dict[str, ExtremeCrop] = {
    "hips": ExtremeCrop(0.2, 1.1, (*range(10), 12, 15, 16, 17, 18), (2, 3, *range(6, 19))),
    "shoulders": ExtremeCrop(0.1, 1.2, (0, 1, 2, 5, 15, 16, 17, 18), (8, 9, 12, 13, 17, 18)),
    "head": ExtremeCrop(0.1, 1.3, (0, 1, 2, 5, 15, 16, 17, 18), (12, 13, 17, 18)),
    "torso": ExtremeCrop(0.1, 1.1, (1, 2, 5, 8, 9, 12), (2, 3, 8, 9, 12, 14, 15, 16)),
    "right_arm": ExtremeCrop(0.1, 1.1, (2, 3, 4), (6, 7, 8)),
    "left_arm": ExtremeCrop(0.1, 1.1, (5, 6, 7), (9, 10, 11)),
    "legs": ExtremeCrop(0.1, 1.1, (*range(8, 15), *range(19, 25)), (0, 1, 2, 3, 4, 5, 14)),
    "right_leg": ExtremeCrop(0.1, 1.1, (9, 10, 11, 22, 23, 24), (0, 1, 2)),
    "left_leg": ExtremeCrop(0.1, 1.1, (12, 13, 14, 19, 20, 21), (3, 4, 5)),
}

OPENPOSE_FROM_SMPLX = (55, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7, *range(56, 66))
"""SMPL-X joint (with its extra joints) that stands for each of the 25 OpenPose keypoints."""


def draw_crop(rng: np.random.Generator, names: tuple[str, ...] = tuple(EXTREME_CROPS)) -> str:
    """Draw the name of an extreme crop by the crops' probabilities."""
    shares = np.array([EXTREME_CROPS[name].share for name in names])
    return str(rng.choice(names, p=shares / shares.sum()))


def crop_to_part(
    center: NDArray, scale: NDArray, keypoints: NDArray, name: str, frames: NDArray[np.bool_]
) -> tuple[NDArray, NDArray]:
    """Boxes around the keypoints that an extreme crop keeps.

    Args:
        center: `[T,2]`, pixels.
        scale: `[T]`, box side in pixels divided by 200.
        keypoints: `[T,44,3]`, x, y in pixels and confidence: OpenPose-25, then 19 extra slots.
        name: key of `EXTREME_CROPS`.
        frames: bool `[T]`, frames to crop.

    Returns:
        New centre and scale; a frame keeps its box if too little of the part is there.
    """
    crop = EXTREME_CROPS[name]
    kept = keypoints[:, [*crop.body, *(25 + i for i in crop.extra)]]
    there = kept[..., 2:] > 0
    low = np.where(there, kept[..., :2], np.inf).min(1)
    high = np.where(there, kept[..., :2], -np.inf).max(1)
    enough = frames & (kept[..., 2].sum(1) > 1) & there.any(1)[:, 0]
    low, high = np.where(enough[:, None], low, 0), np.where(enough[:, None], high, 0)
    extent = (high - low) * _BOX_MARGIN * crop.factor
    enough &= (extent >= _SMALLEST_SIDE).all(1)
    new_center = np.where(enough[:, None], (low + high) / 2, center)
    return new_center, np.where(enough, extent.max(1) / 200, scale)


def frames_to_crop(n_frames: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Random subset of a clip's frames: a share of 0.2 to 1 of them, at least one."""
    count = max(1, round(rng.uniform(0.2, 1) * n_frames))
    chosen = np.zeros(n_frames, bool)
    chosen[rng.choice(n_frames, count, replace=False)] = True
    return chosen


def jitter_center(
    center: NDArray, scale: NDArray, size_wh: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Move box centres `[T,2]` by up to a tenth of the box side in x and y, independently, inside the image."""
    shift = np.clip(rng.standard_normal(center.shape), -1, 1) * _JITTER * 200 * scale[:, None]
    return np.clip(center + shift, 0, np.asarray(size_wh, dtype=float) - 1)


@dataclass(frozen=True)
class ImageWarp:
    """Geometric augmentation of single images: mirror, turn (degrees), enlarge the box."""

    mirror: bool
    turn: float
    scale: float


def draw_warp(rng: np.random.Generator) -> ImageWarp:
    """Mirror half of the images, turn six in ten by N(0, 30 degrees) cut at 60, scale by 1 + 0.3 N cut at one sigma."""
    turn = float(np.clip(rng.standard_normal(), -2, 2) * 30) if rng.random() < 0.6 else 0.0
    return ImageWarp(bool(rng.random() < 0.5), turn, 1 + float(np.clip(rng.standard_normal(), -1, 1)) * 0.3)
