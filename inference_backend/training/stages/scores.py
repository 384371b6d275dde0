"""Joint errors of batches, for validation while training. The final figures come from `evaluation`."""

from collections.abc import Mapping, Sequence
from typing import Final

from torch import Tensor

from ...geometry.blazepose import INDEX

_CORE: Final = (1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21)
_LANDMARKS: Final = tuple(
    INDEX[f"{side}_{part}"]
    for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    for side in ("left", "right")
)


def pose_scores(predicted: Tensor, true: Tensor, hidden: Tensor) -> dict[str, float]:
    """Scores over hips, knees, ankles, shoulders, elbows and wrists.

    Args:
        predicted, true: `[B,T,22,3]`, metres.
        hidden: bool `[B,T,33]`, landmarks behind something.

    Returns:
        MPJPE about the hips (all, of visible and of hidden joints, where there are such), distance of the hips (mm),
        and over more than three frames error of acceleration about the hips (m/s^2), jitter of the prediction and of
        the truth (10 m/s^3).
    """
    out = hidden[:, :, _LANDMARKS]
    about = [x[:, :, _CORE] - x[:, :, 1:3].mean(2, keepdim=True) for x in (predicted, true)]
    error = 1000 * (about[0] - about[1]).norm(dim=-1)
    root = 1000 * (predicted - true)[:, :, 1:3].mean(2).norm(dim=-1)
    scores = {"mpjpe": error.mean(), "root": root.mean()}
    scores |= {name: error[which].mean() for name, which in (("visible", ~out), ("hidden", out)) if which.any()}
    if predicted.shape[1] > 3:
        scores["accel"] = 900 * (about[0] - about[1]).diff(n=2, dim=1).norm(dim=-1).mean()
        scores["jitter"], scores["jitter_true"] = (
            2700 * x[:, :, _CORE].diff(n=3, dim=1).norm(dim=-1).mean() for x in (predicted, true)
        )
    return {name: float(value) for name, value in scores.items()}


def mean_scores(batches: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each figure over the batches that have it."""
    named: dict[str, list[float]] = {}
    for scores in batches:
        for name, value in scores.items():
            named.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in named.items()}
