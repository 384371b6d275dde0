"""Rope's training losses (RopeTP section 3.1.3): parameters, joints in space and in the image, attention as part
segmentation. The paper leaves weights open; these are PARE's ratios, except that betas weigh twenty times as much: on
synthetic bodies they are known exactly, and left free they wander off to several standard deviations at first.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ...body.body import Body
from ...geometry.projection import project
from .camera import lift
from .network import RopeOutput
from .parts import part_levels
from .splat import at_level

_LEVEL_WEIGHTS: Final = {"indep": 1.0, "inter": 0.5, "fulco": 0.5, "whobo": 0.25}
_FIRST_PHASE: Final = 0.6
_FAR: Final = 1.0
"""Half box sides from which on the image's error counts linearly: a bad camera must not drown the rest."""


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term of the total.

    Attributes:
        joints, image, rotations, betas, vertices: see `rope_losses`; vertices = 0 leaves them out.
        attention: in the first phase; attention_later: in the second. A small weight there keeps the segmentation
            usable as a sign of where parts are.
        scale, visibility: as above.
    """

    joints: float = 5.0
    image: float = 5.0
    rotations: float = 1.0
    betas: float = 0.02
    vertices: float = 0.0
    attention: float = 1.0
    attention_later: float = 0.0
    scale: float = 1.0
    visibility: float = 0.1


class RopeTargets(NamedTuple):
    """The truth about B images.

    Attributes:
        rotations: `[B,22,3,3]`, the pelvis to the camera's axes, then local rotations.
        betas: `[B,10]`.
        pelvis: `[B,3]`, camera frame, metres.
        K: `[B,3,3]`, pixels; box: `[B,3]`, square boxes.
        labels: int64 `[B,h,w]` of `splat.part_masks`, of the size of the network's map.
        visible: `[B,24]`, 1 where the joint can be seen.
        joint_weight: `[B,22]`, how far each joint is known.
    """

    rotations: Tensor
    betas: Tensor
    pelvis: Tensor
    K: Tensor
    box: Tensor
    labels: Tensor
    visible: Tensor
    joint_weight: Tensor


def attention_weight(progress: float, weights: LossWeights) -> float:
    """Weight of the attention loss at a training progress of 0..1: the two phases, the first of 60 %."""
    return weights.attention if progress < _FIRST_PHASE else weights.attention_later


def rope_losses(
    output: RopeOutput, targets: RopeTargets, body: Body, weights: LossWeights | None = None, progress: float = 0.0
) -> dict[str, Tensor]:
    """All terms of the loss, unweighted, and their weighted sum as `total`.

    joints: squared error of joints about the pelvis, m^2, summed over axes. image: squared error of projected joints in
    half box sides, linear beyond one. rotations: squared error of matrices, not of their 6-D form. betas: squared.
    attention: cross-entropy of each pixel's part, over channels. scale: `exp(-10 s)^2`, keeps the camera's scale
    positive. visibility: binary cross-entropy. vertices: L1, metres, about the pelvis.

    Args:
        output: of the network.
        targets: the truth.
        body: on the same device.
        weights: None for the usual.
        progress: 0..1 of the training, for the switch of phases.
    """
    weights = weights or LossWeights()
    found = _about_pelvis(body, output.rotations, output.betas)
    true = _about_pelvis(body, targets.rotations, targets.betas)
    by_joint = targets.joint_weight
    terms = {
        "joints": _mean((found - true).square().sum(-1), by_joint),
        "image": _image_error(found, true, output.camera, targets),
        "rotations": (output.rotations - targets.rotations).square().sum((-1, -2)).mean(),
        "betas": (output.betas - targets.betas).square().mean(),
        "scale": (-20 * output.camera[:, 0]).clamp_max(20).exp().mean(),
        "visibility": functional.binary_cross_entropy_with_logits(output.visibility, targets.visible),
    }
    factors = {name: getattr(weights, name) for name in terms}
    if output.logits:
        terms["attention"] = _segmentation(output.logits, targets.labels)
        factors["attention"] = attention_weight(progress, weights)
    if weights.vertices > 0:
        terms["vertices"] = _vertex_error(body, output, targets)
        factors["vertices"] = weights.vertices
    total = sum(factors[name] * term for name, term in terms.items() if factors[name] > 0)
    return {**terms, "total": total}


def _about_pelvis(body: Body, rotations: Tensor, betas: Tensor) -> Tensor:
    joints, _ = body.skeleton(betas, rotations[:, 0], rotations[:, 1:], torch.zeros_like(betas[:, :3]))
    return joints - joints[:, :1]


def _image_error(found: Tensor, true: Tensor, camera: Tensor, targets: RopeTargets) -> Tensor:
    half = 0.5 * targets.box[:, None, 2:]
    seen = project(found + lift(camera, targets.box, targets.K)[:, None], targets.K)
    should = project(true + targets.pelvis[:, None], targets.K)
    error = functional.huber_loss(seen / half, should / half, reduction="none", delta=_FAR)
    return _mean(2 * error.sum(-1), targets.joint_weight)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp_min(1e-6)


def _segmentation(logits: dict[str, Tensor], labels: Tensor) -> Tensor:
    levels = part_levels()
    return sum(
        _LEVEL_WEIGHTS[name] * functional.cross_entropy(values, at_level(labels, levels[name]))
        for name, values in logits.items()
    )


def _vertex_error(body: Body, output: RopeOutput, targets: RopeTargets) -> Tensor:
    def vertices(rotations: Tensor, betas: Tensor) -> Tensor:
        posed = body(betas, rotations[:, 0], rotations[:, 1:], torch.zeros_like(betas[:, :3]))
        return posed.vertices - posed.joints[:, :1]

    found = vertices(output.rotations, output.betas)
    return (found - vertices(targets.rotations, targets.betas)).abs().sum(-1).mean()
