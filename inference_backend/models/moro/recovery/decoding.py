"""Iterative decoding: start from all tokens masked, keep what is certain, mask and predict the rest again
(MoRo section 3.5; after MaskGIT, Chang et al., CVPR 2022)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..motion.dst_former import Decoded, ImageFeatures, MotionFeatures
from ..motion.partial_decoder import PartialDecoder
from ..motion.trajectory import canonical_trajectory
from ..network import Moro
from ..tokenizer.selection import expected_codes

_KEPT_SCORE = 1e5
_CACHE_SHARE = 0.25
"""Part of a GPU's free memory that projections may take that do not change between steps."""
_CACHE_BYTES_ELSEWHERE = 2**30


class Step(NamedTuple):
    """What one decoding step saw and said.

    Attributes:
        ids_in: int64 `[B,T,P]`, tokens it was given, MASK included.
        canonical_in: `[B,T,9]`, normalised canonical trajectory it was given.
        motion: what the motion encoder made of both.
        decoded: what the decoder said.
    """

    ids_in: Tensor
    canonical_in: Tensor
    motion: MotionFeatures
    decoded: Decoded


class Recovered(NamedTuple):
    """Outcome of decoding a batch of clips.

    Attributes:
        ids: int64 `[B,T,P]`.
        codes: `[B,T,P,D]`, codes of the tokens, or (`mean_codes`) the mean under their distributions when they were
            settled.
        confidence: `[B,T,P]`, probability that each token had when it was settled; 1 where it was given.
        rotation: `[B,T,3,3]`, body to camera.
        translation: `[B,T,1,3]`, pelvis in the camera frame, metres.
        contact: `[B,T,4]`, logits: left ankle, left foot, right ankle, right foot.
    """

    ids: Tensor
    codes: Tensor
    confidence: Tensor
    rotation: Tensor
    translation: Tensor
    contact: Tensor


def step_count(steps: int, unknown: int, total: int) -> int:
    """Steps to take when `unknown` of `total` tokens are masked: the same share of `steps`, at least one."""
    return max(1, round(steps * unknown / total))


def masked_counts(steps: int, unknown: int) -> list[int]:
    """How many of the `unknown` tokens are masked before each step: a half cosine, rounded in float32."""
    shares = (torch.cos(math.pi * torch.arange(steps) / steps) + 1) / 2
    return (shares * unknown).round().int().clamp(min=1).tolist()


def least_certain(scores: Tensor, count: int) -> Tensor:
    """Mask bool `[B,T,P]` of the `count` lowest scores in each clip of `[B,T,P]`; of equals, the first."""
    rank = scores.flatten(1).argsort(dim=1, stable=True).argsort(dim=1)
    return (rank < count).view(scores.shape)


@torch.no_grad()
def decode_tokens(
    model: Moro,
    image: ImageFeatures,
    steps: int = 5,
    known_ids: Tensor | None = None,
    reference: bool = False,
    trace: list[Step] | None = None,
    known_scores: Tensor | None = None,
) -> Recovered:
    """Decode the motion tokens of a batch of clips.

    Args:
        model: the network.
        image: features of the clips.
        steps: decoding steps for fully masked clips (1, 5, 10, 20, ...).
        known_ids: int64 `[B,T,P]`, tokens to keep, MASK where not known, equally many known in each clip; None: none.
        reference: the plain reading of the method: every token through every layer in every step.
        trace: a list to which what happens in each step is appended.
        known_scores: `[B,T,P]`, 0..1, how sure each known token is; after the first step the least certain of them can
            be masked again like any other. None: known tokens are kept.
    """
    network, statistics, mask_id = model.dst_former, model.statistics, model.config.mask_id
    batch, n_frames = image.rotation.shape[:2]
    n_tokens = model.config.tokenizer.tokens
    ids = image.rotation.new_full((batch, n_frames, n_tokens), mask_id, dtype=torch.int64)
    unknown = n_frames * n_tokens
    if known_ids is not None:
        ids = known_ids.clone()
        unknown = int((known_ids[0] == mask_id).sum())
    scores = torch.where(ids == mask_id, 0.0, _KEPT_SCORE)
    confidence = torch.where(ids == mask_id, 0.0, 1.0 if known_scores is None else known_scores)
    camera = network.embed_trajectory(image.rotation, image.translation)
    if not reference:
        partial = PartialDecoder(network, image.tokens, camera, _cache_bytes(ids.device), image.guess)
    rotation, translation = image.rotation, image.translation
    codes = model.codes(ids)
    taken = step_count(steps, unknown, n_frames * n_tokens)
    if known_scores is not None:
        taken = max(taken, min(steps, 2))  # seeds compete from the second step on
    for count in masked_counts(taken, unknown):
        masked = least_certain(scores, count) & (scores < _KEPT_SCORE)
        ids = ids.masked_fill(masked, mask_id)
        canonical = canonical_trajectory(rotation, translation, statistics)
        motion = network.encode_motion(model.codes(ids), canonical, plain=reference)
        if reference:
            given = (motion.pose, image.tokens, motion.trajectory, camera)
            decoded = network.decode(*given, plain=True, guess=image.guess)
        else:
            decoded = partial(motion.pose, motion.trajectory)
        if trace is not None:
            trace.append(Step(ids, canonical, motion, decoded))
        rotation, translation = decoded.rotation, decoded.translation
        best, probability = most_likely(decoded.logits)
        ids = torch.where(masked, best, ids)
        confidence = torch.where(masked, probability, confidence)
        if model.config.mean_codes:
            codes = torch.where(masked[..., None], expected_codes(decoded.logits, model.codebook), codes)
        scores = torch.where(masked, probability, _KEPT_SCORE if known_scores is None else known_scores)
        known_scores = None
    codes = codes if model.config.mean_codes else model.codes(ids)
    return Recovered(ids, codes, confidence, rotation, translation, decoded.contact)


def _cache_bytes(device: torch.device) -> int:
    if device.type != "cuda":
        return _CACHE_BYTES_ELSEWHERE
    return int(_CACHE_SHARE * torch.cuda.mem_get_info(device)[0])


def most_likely(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Most likely code `[...]` of logits `[...,codes]`, and its probability."""
    top, ids = logits.max(-1)
    return ids, (top - logits.logsumexp(-1)).exp()
