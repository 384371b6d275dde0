"""How far sampled paths are from true ones."""

import torch
from torch import Tensor

from .batches import FPS, TrajectoryBatch


def path_scores(found: Tensor, batch: TrajectoryBatch) -> dict[str, float]:
    """Errors of paths `[B,N,3]` (canonical, metres) of a batch.

    Returns:
        `path_mm`: mean distance, both at the origin in the first frame; `still_mm`: that of a body that stays there,
        for comparison; `height_mm`: mean error of the height; `speed`: mean error of the horizontal velocity over half
        a second, m/s; `pace`: length of the found paths over that of the true ones; `slide`: mean speed of
        standing feet of true poses on the found path, m/s; `jitter`: mean third difference, 10 m/s^3.
    """
    flat = [0, 2]
    off = (found - found[:, :1] - (batch.path - batch.path[:, :1]))[..., flat]
    half = int(FPS / 2)
    speed = ((found[:, half:] - found[:, :-half]) - (batch.path[:, half:] - batch.path[:, :-half]))[..., flat]
    feet = (found[..., None, :] + batch.joints[:, :, [7, 8, 10, 11]]).diff(dim=1).norm(dim=-1) * FPS
    stands = (batch.contacts[:, 1:] & batch.contacts[:, :-1]).to(feet.dtype)

    def length(path: Tensor) -> Tensor:
        return (path[:, half:, flat] - path[:, :-half, flat]).norm(dim=-1).sum()

    scores = {
        "path_mm": 1000 * off.norm(dim=-1).mean(),
        "still_mm": 1000 * (batch.path - batch.path[:, :1])[..., flat].norm(dim=-1).mean(),
        "height_mm": 1000 * (found - batch.path)[..., 1].abs().mean(),
        "speed": speed.norm(dim=-1).mean() * FPS / half,
        "pace": length(found) / length(batch.path).clamp_min(1e-6),
        "slide": (feet * stands).sum() / stands.sum().clamp_min(1.0),
        "jitter": torch.diff(found, 3, dim=1).norm(dim=-1).mean() * FPS**3 / 10,
    }
    return {name: float(value) for name, value in scores.items()}
