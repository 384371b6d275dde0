"""Which tokens are hidden in training (MoRo section 3.5). Ids are int64 `[B,T,P]`; `mask_id` is the codebook's size."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..recovery.decoding import least_certain, most_likely

_RANDOM_CODE_SHARE = 0.1
_VALIDATION_SHARE = 0.2


class Masked(NamedTuple):
    """Masked token ids `[B,T,P]` and labels `[B,T,P]`: the true id where masked, `mask_id` elsewhere (ignored)."""

    ids: Tensor
    labels: Tensor


def _rand(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
    """Uniform numbers on the generator's device."""
    return torch.rand(tuple(shape), generator=generator, device=None if generator is None else generator.device)


def drawn_share(generator: torch.Generator | None = None) -> float:
    """Share of tokens to mask: `cos(pi u / 2)`, u uniform."""
    return math.cos(math.pi / 2 * _rand((), generator).item())


def random_tokens(shape: torch.Size, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Bool `[B,T,P]`: that share of positions, anywhere in each clip, at least one."""
    count = max(1, round(share * shape[1] * shape[2]))
    return least_certain(_rand(shape, generator), count)


def random_slots(shape: torch.Size, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Bool `[B,T,P]`: that share of token slots, in all frames (a part of the body is hidden), at least one."""
    count = max(1, round(share * shape[2]))
    slots = least_certain(_rand((shape[0], 1, shape[2]), generator), count)
    return slots.expand(shape).clone()


def random_frames(
    shape: torch.Size, share: float, generator: torch.Generator | None = None, centred: bool = False
) -> Tensor:
    """Bool `[B,T,P]`: one run of that share of frames, all tokens, at least one; `centred` in the clip or anywhere."""
    length = max(1, round(share * shape[1]))
    place = torch.full((shape[0], 1), 0.5) if centred else _rand((shape[0], 1), generator)
    start = (place * (shape[1] - length)).round()
    frame = torch.arange(shape[1], device=start.device)
    run = (frame >= start) & (frame < start + length)
    return run[..., None].expand(shape).clone()


def everything(shape: torch.Size) -> Tensor:
    """Bool `[B,T,P]`, all True."""
    return torch.ones(shape, dtype=torch.bool)


STRATEGIES: dict[str, Callable[..., Tensor]] = {
    "random": random_tokens,
    "joint": random_slots,
    "frame": random_frames,
}


def apply_mask(
    ids: Tensor, hidden: Tensor, mask_id: int, generator: torch.Generator | None = None, keep_mask: bool = False
) -> Masked:
    """Hide tokens: most become MASK, a tenth a random code (`keep_mask`: all MASK)."""
    hidden = hidden.to(ids.device)
    labels = torch.where(hidden, ids, mask_id)
    masked = torch.where(hidden, mask_id, ids)
    if keep_mask:
        return Masked(masked, labels)
    replace = (_rand(ids.shape, generator) < _RANDOM_CODE_SHARE).to(ids.device) & hidden
    codes = (_rand(ids.shape, generator) * mask_id).long().clamp(max=mask_id - 1).to(ids.device)
    return Masked(torch.where(replace, codes, masked), labels)


def mask_for_training(
    ids: Tensor, mask_id: int, shares: dict[str, float], generator: torch.Generator | None = None
) -> Masked:
    """Hide tokens by one strategy for the batch, drawn with the probabilities `shares` (random, joint, frame, full)."""
    names, weights = list(shares), torch.tensor(list(shares.values()))
    name = names[int((weights.cumsum(0) / weights.sum() <= _rand((), generator).item()).sum())]
    if name == "full":
        return apply_mask(ids, everything(ids.shape), mask_id, keep_mask=True)
    hidden = STRATEGIES[name](ids.shape, drawn_share(generator), generator)
    return apply_mask(ids, hidden, mask_id, generator)


def mask_for_validation(ids: Tensor, mask_id: int, name: str, generator: torch.Generator | None = None) -> Masked:
    """Hide a fifth of the tokens by one strategy; frames from the middle of the clip."""
    extra = {"centred": True} if name == "frame" else {}
    hidden = STRATEGIES[name](ids.shape, _VALIDATION_SHARE, generator, **extra)
    return apply_mask(ids, hidden, mask_id, generator)


def mask_least_certain(ids: Tensor, logits: Tensor, mask_id: int, share: float) -> Masked:
    """Confidence-guided masking: the second pass sees the first pass's own predictions, least certain ones masked.

    Args:
        ids: int64 `[B,T,P]`, true tokens.
        logits: `[B,T,P,codes]`, of a first pass on all-masked tokens, without gradient.
        mask_id: id of MASK.
        share: share of tokens to mask.

    Returns:
        Predicted ids with MASK at the least certain ones, and labels at those positions only.
    """
    best, probability = most_likely(logits)
    hidden = least_certain(probability, max(1, round(share * ids.shape[1] * ids.shape[2])))
    return Masked(torch.where(hidden, mask_id, best), torch.where(hidden, ids, mask_id))
