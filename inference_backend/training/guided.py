"""Confidence-guided masking (MoRo section 3.6): what a first pass is sure of is the input of the pass that learns."""

import torch
from torch import Tensor

from ..models.moro.motion.dst_former import Decoded, ImageFeatures, MotionFeatures
from ..models.moro.motion.trajectory import canonical_trajectory
from ..models.moro.network import Moro
from ..models.moro.training.masking import Masked, drawn_share, mask_least_certain


def one_pass(model: Moro, ids: Tensor, canonical: Tensor, image: ImageFeatures) -> tuple[MotionFeatures, Decoded]:
    """Motion encoder and decoder.

    Args:
        model: the network.
        ids: int64 `[B,T,P]`, tokens, MASK included.
        canonical: `[B,T,9]`, normalised canonical trajectory.
        image: features of the clips.
    """
    network = model.dst_former
    camera = network.embed_trajectory(image.rotation, image.translation)
    motion = network.encode_motion(model.codes(ids), canonical)
    return motion, network.decode(motion.pose, image.tokens, motion.trajectory, camera, guess=image.guess)


@torch.no_grad()
def guided_input(
    model: Moro, ids: Tensor, canonical: Tensor, image: ImageFeatures, generator: torch.Generator
) -> tuple[Masked, Tensor]:
    """Second-pass input: the first pass's own tokens with the least certain masked, and its refined trajectory.

    Args:
        model: the network.
        ids: int64 `[B,T,P]`, true tokens.
        canonical: `[B,T,9]`, normalised canonical trajectory of the coarse placement.
        image: features of the clips.
        generator: draws the share to mask.
    """
    _, first = one_pass(model, torch.full_like(ids, model.config.mask_id), canonical, image)
    masked = mask_least_certain(ids, first.logits, model.config.mask_id, drawn_share(generator))
    return masked, canonical_trajectory(first.rotation, first.translation, model.statistics)
