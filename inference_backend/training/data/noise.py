"""How a pose landmarker errs on what it sees: constant, slow and white parts, and bones turned out of the image plane.

Sizes follow what was measured of MediaPipe on real clips. Everything is batched, and drawn on the device.
"""

from functools import lru_cache
from typing import Final

import roma
import torch
from torch import Tensor
from torch.nn import functional

from ...geometry.blazepose import HIPS, INDEX, LANDMARKS, SHOULDERS

TRUNK: Final = (*SHOULDERS, *HIPS)


def _values(by_part: dict[str, float], default: float) -> tuple[float, ...]:
    return tuple(next((v for part, v in by_part.items() if part in name), default) for name in LANDMARKS)


# Body heights: the part of the 2D error that stays through a window, and the one that drifts.
_CONSTANT: Final = _values(
    {"shoulder": 0.007, "hip": 0.01, "elbow": 0.009, "wrist": 0.011, "knee": 0.01, "ankle": 0.011, "heel": 0.013,
     "foot": 0.014, "pinky": 0.014, "index": 0.014, "thumb": 0.013}, 0.006
)  # fmt: skip
_SLOW: Final = _values(
    {"shoulder": 0.006, "hip": 0.006, "elbow": 0.009, "wrist": 0.015, "knee": 0.009, "ankle": 0.014, "heel": 0.017,
     "foot": 0.018, "pinky": 0.019, "index": 0.019, "thumb": 0.017}, 0.005
)  # fmt: skip
_WHITE: Final = 0.002
# Bones of the world landmarks by level of the limbs: landmark, parent, constant and slow turn (radians).
LEVELS: Final = tuple(
    tuple(
        (INDEX[f"{side}_{part}"], INDEX[f"{side}_{parent}"], turn)
        for side in ("left", "right")
        for part, parent, turn in level
    )
    for level in (
        (("elbow", "shoulder", (0.18, 0.13)), ("knee", "hip", (0.13, 0.09))),
        (("wrist", "elbow", (0.32, 0.27)), ("ankle", "knee", (0.16, 0.11))),
        (
            ("pinky", "wrist", (0.25, 0.2)), ("index", "wrist", (0.25, 0.2)), ("thumb", "wrist", (0.25, 0.2)),
            ("heel", "ankle", (0.2, 0.15)), ("foot_index", "ankle", (0.2, 0.15)),
        ),
    )
)  # fmt: skip
_BONE_SCALE: Final = {"elbow": 0.88, "wrist": 0.9}
_LEAN: Final = (5.0, 4.0, 1.5)
"""Degrees about x, y, z: the whole is turned by this much through a window; as much again in the sway of `_SWAY`."""
_SWAY: Final = (3.0, 4.5, 1.5)


@lru_cache(maxsize=64)
def _memory_root(frames: int, memory: float, device: torch.device) -> Tensor:
    frame = torch.arange(frames, dtype=torch.float64)
    covariance = torch.exp(-(frame[:, None] - frame).abs() / memory)
    return torch.linalg.cholesky(covariance).float().to(device)


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Standard normal numbers on the generator's device."""
    return torch.randn(shape, generator=generator, device=generator.device)


def uniform(shape: tuple[int, ...], generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Uniform numbers on the generator's device."""
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)


def slow(shape: tuple[int, ...], memory: float, generator: torch.Generator) -> Tensor:
    """First-order processes of unit variance along axis 1 of `[B,T,...]`; they forget within about `memory` frames."""
    drawn = normal(shape, generator)
    root = _memory_root(shape[1], memory, drawn.device)
    return (root @ drawn.flatten(2)).view(shape)


def image_noise(restless: Tensor, generator: torch.Generator) -> Tensor:
    """2D errors of what is visible, in body heights.

    Args:
        restless: `[B,T]`, by how much more than usual it errs.
        generator: source of chance.

    Returns:
        `[B,T,33,2]`.
    """
    batch, frames = restless.shape
    device = restless.device
    # Clips differ: some are told well, some badly.
    level = 0.85 * torch.exp(0.5 * normal((batch, 1, 1, 1), generator))
    constant = torch.tensor(_CONSTANT, device=device)[:, None] * normal((batch, 1, 33, 2), generator)
    drift = torch.tensor(_SLOW, device=device)[:, None] * slow((batch, frames, 33, 2), 5.0, generator)
    white = _WHITE * normal((batch, frames, 33, 2), generator)
    return level * (constant + drift * restless[..., None, None]) + white


def looking_at(points: Tensor) -> Tensor:
    """Rotation `[B,T,3,3]` from the camera into the view that looks straight at the person `[B,T,33,3]`."""
    forward = functional.normalize(points[:, :, TRUNK].mean(2), dim=-1)
    down = torch.tensor([0.0, 1.0, 0.0]).to(points).expand_as(forward)
    right = functional.normalize(torch.linalg.cross(down, forward), dim=-1)
    return torch.stack((right, torch.linalg.cross(forward, right), forward), -2)


def world_landmarks(points: Tensor, restless: Tensor, generator: torch.Generator) -> Tensor:
    """World landmarks as the landmarker guesses them: about the hips, in the view that looks at the person.

    Args:
        points: `[B,T,33,3]`, true places, camera frame, metres.
        restless: `[B,T]`.
        generator: source of chance.

    Returns:
        `[B,T,33,3]`, metres.
    """
    batch, frames = restless.shape
    about = points - points[:, :, HIPS].mean(2, keepdim=True)
    local = (looking_at(points)[:, :, None] @ about[..., None])[..., 0]
    out = local.clone()
    level_of_clip = torch.exp(0.35 * normal((batch, 1, 1, 1), generator))
    # Legs are taken for bent, or for leaning, alike.
    both = 0.1 * normal((batch, 1, 1), generator)
    for level in LEVELS:
        child, parent = [row[0] for row in level], [row[1] for row in level]
        sizes = torch.tensor([row[2] for row in level], device=points.device)
        constant = sizes[:, 0, None] * normal((batch, 1, len(level), 3), generator)
        drift = sizes[:, 1, None] * slow((batch, frames, len(level), 3), 7.0, generator) * restless[..., None, None]
        turn = level_of_clip * (constant + drift) * torch.tensor([1.0, 1.0, 0.3], device=points.device)
        leg = torch.tensor([i for i, row in enumerate(level) if LANDMARKS[row[0]].endswith(("knee", "ankle"))])
        if len(leg):
            turn[:, :, leg, 0] = turn[:, :, leg, 0] + both
        length = torch.tensor(
            [next((v for k, v in _BONE_SCALE.items() if k in LANDMARKS[row[0]]), 1.0) for row in level],
            device=points.device,
        ) * torch.exp(0.05 * normal((batch, 1, len(level)), generator))
        bone = (local[:, :, child] - local[:, :, parent]) * length[..., None]
        out[:, :, child] = out[:, :, parent] + (roma.rotvec_to_rotmat(turn) @ bone[..., None])[..., 0]
    lean = torch.tensor(_LEAN, device=points.device) * normal((batch, 1, 3), generator)
    sway = torch.tensor(_SWAY, device=points.device) * slow((batch, frames, 3), 8.0, generator) * restless[..., None]
    whole = roma.rotvec_to_rotmat(torch.deg2rad(lean + sway)) * torch.exp(0.05 * normal((batch, 1, 1, 1), generator))
    out = (whole[:, :, None] @ out[..., None])[..., 0]
    head = torch.arange(33, device=points.device) <= INDEX["mouth_right"]
    out = out + 0.02 * normal((batch, 1, 1, 3), generator) * head[:, None]
    return out + 0.01 * slow((batch, frames, 33, 3), 6.0, generator)
