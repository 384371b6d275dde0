"""Trajectories as steps in the body's own frame, and back (MoRo section 3.2).

A trajectory is a rotation body to world (or camera) and a pelvis position for each frame. Points are row vectors:
`placed = local @ R^T + t`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ....geometry.rot6d import matrix_from_rot6d_rows, rot6d_rows


@dataclass(frozen=True)
class TrajectoryStatistics:
    """Mean and deviation of canonical trajectories over a motion collection, each `[9]`."""

    mean: Tensor
    std: Tensor


def canonical_steps(rotation: Tensor, translation: Tensor) -> Tensor:
    """Steps between successive frames, in the frame of the earlier one.

    Args:
        rotation: `[B,T,3,3]`.
        translation: `[B,T,1,3]`, metres.

    Returns:
        `[B,T,9]`: 6-D rotation (rows) and displacement; the last frame repeats the one before. Needs T >= 2.
    """
    inverse = rotation[:, :-1].mT
    turn = inverse @ rotation[:, 1:]
    move = (inverse @ (translation[:, 1:] - translation[:, :-1]).mT).squeeze(-1)
    steps = torch.cat((rot6d_rows(turn), move), -1)
    return torch.cat((steps, steps[:, -1:]), 1)


def canonical_trajectory(rotation: Tensor, translation: Tensor, statistics: TrajectoryStatistics) -> Tensor:
    """Normalised canonical trajectory `[B,T,9]` of `[B,T,3,3]` and `[B,T,1,3]`; zeros for a single frame."""
    if rotation.shape[1] == 1:
        return rotation.new_zeros(*rotation.shape[:2], 9)
    return (canonical_steps(rotation, translation) - statistics.mean) / statistics.std


def integrate(
    canonical: Tensor, statistics: TrajectoryStatistics, rotation0: Tensor, translation0: Tensor
) -> tuple[Tensor, Tensor]:
    """Inverse of `canonical_trajectory`: walk the steps from a first frame.

    Args:
        canonical: `[B,T,9]`, normalised; its last row is not used.
        statistics: those it was normalised with.
        rotation0: `[B,3,3]`, first frame.
        translation0: `[B,1,3]`, first frame, metres.

    Returns:
        Rotation `[B,T,3,3]` and translation `[B,T,1,3]`.
    """
    steps = canonical * statistics.std + statistics.mean
    turns = matrix_from_rot6d_rows(steps[..., :6])
    rotations, translations = [rotation0], [translation0]
    for t in range(canonical.shape[1] - 1):
        move = steps[:, t, None, 6:] @ rotations[-1].mT
        translations.append(translations[-1] + move)
        rotations.append(rotations[-1] @ turns[:, t])
    return torch.stack(rotations, 1), torch.stack(translations, 1)


def place(points: Tensor, rotation: Tensor, translation: Tensor) -> Tensor:
    """Local points `[...,P,3]` (pelvis at the origin) placed by `[...,3,3]` and `[...,1,3]`."""
    return points @ rotation.mT + translation
