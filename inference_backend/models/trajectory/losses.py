"""Training losses of the denoiser (after RopeTP, arXiv 2410.20358)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

from .canonical import Scale
from .contacts import FOOT_JOINTS


@dataclass(frozen=True)
class LossWeights:
    """Weights of the three terms; delta: errors (normalised, or m/s) above which Huber's loss is linear.

    A larger delta asks for means instead of medians: where a pose leaves it open whether somebody walks or stands, and
    most people of a data set stand, the median stands.
    """

    delta: float = 0.1
    path: float = 1.0
    velocity: float = 0.5
    foot: float = 0.5


def trajectory_losses(
    predicted: Tensor,
    target: Tensor,
    joints: Tensor,
    contacts: Tensor,
    mask: Tensor,
    *,
    fps: float,
    scale: Scale,
    weights: LossWeights | None = None,
) -> dict[str, Tensor]:
    """Losses of a batch of windows.

    Args:
        predicted, target: `[B,N,3]`, normalised canonical paths.
        joints: `[B,N,24,3]`, canonical, metres, minus the pelvis; the true ones, not the corrupted condition.
        contacts: bool `[B,N,4]`, which of `contacts.FOOT_JOINTS` stand.
        mask: bool `[B,N]`.
        fps: frames a second.
        scale: of the paths.
        weights: of the terms.

    Returns:
        Scalars: `path` (Huber on normalised paths), `velocity` (Huber on frame differences, m/s), `foot` (mean speed,
        m/s, of feet that stand: the paper's equation 10 read as the feet's, not the pelvis' displacement), `total`.
    """
    weights = weights or LossWeights()

    def mean(values: Tensor, where: Tensor) -> Tensor:
        shown = where.to(values.dtype)
        return (values * shown).sum() / shown.sum().clamp_min(1.0)

    path = huber_loss(predicted, target, delta=weights.delta, reduction="none").mean(-1)
    metres, truth = scale.metres(predicted), scale.metres(target)
    both = mask[:, 1:] & mask[:, :-1]
    step, true_step = (values.diff(dim=1) * fps for values in (metres, truth))
    velocity = huber_loss(step, true_step, delta=weights.delta, reduction="none").mean(-1)
    feet = metres[..., None, :] + joints[..., list(FOOT_JOINTS), :]
    speed = feet.diff(dim=1).norm(dim=-1) * fps
    stands = contacts[:, 1:] & contacts[:, :-1] & both[..., None]
    losses = {"path": mean(path, mask), "velocity": mean(velocity, both), "foot": mean(speed, stands)}
    total = torch.stack([getattr(weights, name) * value for name, value in losses.items()]).sum()
    return losses | {"total": total}
