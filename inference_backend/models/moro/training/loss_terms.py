"""Which losses each training task uses, and how much each weighs (MoRo section 3.6 and its released configuration)."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from ..motion.trajectory import place
from .losses import (
    acceleration,
    canonical_loss,
    contact_loss,
    point_distance,
    projection_loss,
    skating_loss,
    token_loss,
    velocity_loss,
)

MOTION_WEIGHTS: Final = {
    "ce": 1.0,
    "cano_traj": 10.0,
    "v3d_local": 10.0,
    "j3d_pos_rel": 1.0,
    "j3d_vel_rel": 20.0,
    "skating_rel": 1.0,
    "contact": 1.0,
}
"""Motion prior; for single frames set `cano_traj` to 0 and leave out what needs time."""

IMAGE_WEIGHTS: Final = {
    "ce": 1.0,
    "rot_coarse": 1.0,
    "rot": 1.0,
    "transl_coarse": 1.0,
    "transl": 1.0,
    "v3d_local": 10.0,
    "j3d_pos_coarse": 1.0,
    "j3d_pos": 1.0,
    "j2d_coarse": 1.0,
    "j2d": 1.0,
}

VIDEO_WEIGHTS: Final = {
    **IMAGE_WEIGHTS,
    "j3d_pos_rel": 1.0,
    "j3d_vel_rel": 20.0,
    "j3d_vel_coarse": 20.0,
    "j3d_vel": 20.0,
    "skating": 1.0,
    "contact": 1.0,
}

WEIGHTS: Final = {"motion": MOTION_WEIGHTS, "image": IMAGE_WEIGHTS, "video": VIDEO_WEIGHTS}


class Placement(NamedTuple):
    """A trajectory: `rotation [B,T,3,3]` and `translation [B,T,1,3]` (metres)."""

    rotation: Tensor
    translation: Tensor


@dataclass(frozen=True)
class Target:
    """Ground truth of a batch.

    Attributes:
        mesh: `[B,T,V,3]`, local mesh, pelvis at the origin.
        joints: `[B,T,22,3]`, placed.
        placement: where the body is.
        labels: int64 `[B,T,P]`, codes of the masked tokens; anything outside the codebook is ignored.
        canonical: `[B,T,9]`, normalised (motion task).
        contact: `[B,T-1,4]` (motion and video tasks).
        K, scale: `[B,T,3,3]` and `[B,T]` (image and video tasks).
    """

    mesh: Tensor
    joints: Tensor
    placement: Placement
    labels: Tensor
    canonical: Tensor | None = None
    contact: Tensor | None = None
    K: Tensor | None = None
    scale: Tensor | None = None


@dataclass(frozen=True)
class Prediction:
    """What the network says of a batch.

    Attributes:
        mesh: `[B,T,V,3]`, local mesh of the softly selected, smoothed codes.
        logits: `[B,T,P,codes]`.
        contact: `[B,T,4]`, logits (motion and video tasks).
        canonical: `[B,T,9]`, normalised, of the motion encoder (motion task).
        prior: trajectory integrated from `canonical` and the target's first frame (motion and video tasks).
        coarse: of the image encoder (image and video tasks).
        fine: of the decoder (image and video tasks).
    """

    mesh: Tensor
    logits: Tensor
    contact: Tensor | None = None
    canonical: Tensor | None = None
    prior: Placement | None = None
    coarse: Placement | None = None
    fine: Placement | None = None


def loss_terms(task: str, prediction: Prediction, target: Target, regressor: Tensor) -> dict[str, Tensor]:
    """All unweighted terms of a task (`motion`, `image` or `video`).

    Args:
        task: which training task.
        prediction, target: the batch.
        regressor: `[22,V]`, joints from vertices.
    """
    terms = {
        "ce": token_loss(prediction.logits, target.labels),
        "v3d_local": point_distance(place(prediction.mesh, *target.placement), place(target.mesh, *target.placement)),
    }
    joints = {
        name: regressor @ place(prediction.mesh, *placement)
        for name, placement in (("_rel", prediction.prior), ("_coarse", prediction.coarse), ("", prediction.fine))
        if placement is not None
    }
    for name, found in joints.items():
        terms[f"j3d_pos{name}"] = point_distance(found, target.joints)
        if task != "image":
            terms[f"j3d_vel{name}"] = velocity_loss(found, target.joints)
    if task == "motion":
        terms["cano_traj"] = canonical_loss(prediction.canonical, target.canonical)
        terms["skating_rel"] = skating_loss(joints["_rel"], target.contact)
        terms["contact"] = contact_loss(prediction.contact, target.contact)
        terms["accel_rel"] = acceleration(joints["_rel"])
        return terms
    for name, placement in (("_coarse", prediction.coarse), ("", prediction.fine)):
        terms[f"rot{name}"] = (placement.rotation - target.placement.rotation).square().mean()
        terms[f"transl{name}"] = (placement.translation - target.placement.translation).square().mean()
        terms[f"j2d{name}"] = projection_loss(joints[name], target.joints, target.K, target.scale)
    if task == "video":
        terms["skating"] = skating_loss(joints[""], target.contact)
        terms["contact"] = contact_loss(prediction.contact, target.contact)
        terms["accel"] = acceleration(joints[""])
    return terms


def total_loss(task: str, terms: dict[str, Tensor], weights: dict[str, float] | None = None) -> Tensor:
    """Weighted sum of a task's terms; `weights` overrides single default weights."""
    table = {**WEIGHTS[task], **(weights or {})}
    return torch.stack([table[name] * value for name, value in terms.items() if name in table]).sum()
