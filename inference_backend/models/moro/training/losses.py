"""Training losses of MoRo (section 3.6), as functions of tensors; which stage uses which, with what weight, is in
`loss_terms`.

Joints are regressed from placed meshes: 22 SMPL-X joints by a regressor `[22,V]`.
"""

import torch
from torch import Tensor
from torch.nn import functional

FPS = 30.0
IGNORE = -100
_SKATING_SPEED = 0.15
_CONTACT_SPEED = 0.3
_DEPTH_EPS = 1e-6
_FOOT_JOINTS = (7, 10, 8, 11)
"""Left ankle, left foot, right ankle, right foot: the order of the contact logits."""


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of logits `[B,T,P,codes]`, mean over tokens whose label `[B,T,P]` is a code (others are ignored).

    Zero where no token is labelled.
    """
    labels = labels.masked_fill((labels < 0) | (labels >= logits.shape[-1]), IGNORE)
    total = functional.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=IGNORE, reduction="sum")
    return total / (labels != IGNORE).sum().clamp(min=1)


def token_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of labelled tokens whose most likely code is right."""
    labelled = (labels >= 0) & (labels < logits.shape[-1])
    return ((logits.argmax(-1) == labels) & labelled).sum() / labelled.sum().clamp(min=1)


def point_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean Euclidean distance of points `[...,3]`, in their unit."""
    return torch.linalg.vector_norm(a - b, dim=-1).mean()


def canonical_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of normalised canonical trajectories `[B,T,9]`; the last frame (a copy) counts as right."""
    error = (predicted - target).square()
    return torch.cat((error[:, :-1], torch.zeros_like(error[:, -1:])), 1).mean()


def velocity_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Distance of the frame differences of joints `[B,T,J,3]`, metres a frame."""
    return point_distance(predicted.diff(dim=1), target.diff(dim=1))


def projection_loss(predicted: Tensor, target: Tensor, K: Tensor, scale: Tensor) -> Tensor:
    """Mean absolute distance of projected joints, in units of half a box side.

    Args:
        predicted, target: `[B,T,J,3]`, camera frame, metres.
        K: `[B,T,3,3]`.
        scale: `[B,T]`, box side in pixels divided by 200.
    """
    difference = _project(predicted, K) - _project(target, K)
    return (difference / (100 * scale[..., None, None])).abs().mean()


def _project(points: Tensor, K: Tensor) -> Tensor:
    normalised = points / (points[..., 2:] + _DEPTH_EPS)
    return (normalised @ K.mT)[..., :2]


def weak_projection_loss(joints: Tensor, weak: Tensor, keypoints: Tensor, confidence: Tensor) -> Tensor:
    """Joints through the weak camera against keypoints of the crop, for images without a full camera.

    Args:
        joints: `[B,T,J,3]`, relative to the pelvis, camera axes, metres.
        weak: `[B,T,9]`, weak camera.
        keypoints: `[B,T,J,2]`, in the crop, -1..1.
        confidence: `[B,T,J]`.
    """
    projected = (joints[..., :2] + weak[..., None, 7:9]) * weak[..., None, 6:7].exp()
    return ((projected - keypoints) * confidence[..., None]).abs().mean()


def skating_loss(joints: Tensor, contact: Tensor) -> Tensor:
    """Mean speed above 0.15 m/s of feet that should stand.

    Args:
        joints: `[B,T,J,3]`, metres, at 30 frames a second.
        contact: `[B,T-1,4]`, 1 where the foot point stands (contact label).
    """
    excess = (_foot_speed(joints) - _SKATING_SPEED).clamp(min=0)
    return (contact * excess).sum() / (contact.sum() + 1e-6)


def contact_labels(joints: Tensor) -> Tensor:
    """Which foot points stand: slower than 0.3 m/s. World joints `[...,T,J,3]` to float `[...,T-1,4]`."""
    return (_foot_speed(joints) < _CONTACT_SPEED).float()


def _foot_speed(joints: Tensor) -> Tensor:
    feet = joints[..., _FOOT_JOINTS, :]
    return torch.linalg.vector_norm(feet.diff(dim=-3), dim=-1) * FPS


def contact_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy of logits `[B,T,4]` (the last frame has no label) and labels `[B,T-1,4]`."""
    return functional.binary_cross_entropy_with_logits(logits[:, :-1], labels)


def acceleration(joints: Tensor) -> Tensor:
    """Mean square of the second difference of joints `[B,T,J,3]`: logged, not trained on."""
    return joints.diff(n=2, dim=1).square().mean()
