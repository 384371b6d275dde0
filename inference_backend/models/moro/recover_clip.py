"""Recover the motion of one person through a clip of any length, window by window, at constant memory."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .decoding import decode_tokens
from .evidence import EvidenceSource, WindowEvidence
from .network import Moro
from .windows import kept_spans, window_spans


@dataclass(frozen=True)
class ClipMotion:
    """Motion of T frames at 30 frames a second, as codes: meshes are decoded from them when they are needed.

    Attributes:
        ids: int64 `[T,P]`, tokens.
        codes: `[T,P,D]`, smoothed code vectors.
        confidence: `[T,P]`, probability that each token had when it was settled.
        rotation: `[T,3,3]`, body to camera.
        translation: `[T,3]`, pelvis in the camera frame, metres.
        contact: `[T,4]`, probability that left ankle, left foot, right ankle, right foot stand.
    """

    ids: Tensor
    codes: Tensor
    confidence: Tensor
    rotation: Tensor
    translation: Tensor
    contact: Tensor

    def __len__(self) -> int:
        return len(self.ids)


@torch.no_grad()
def recover_clip(
    model: Moro,
    source: EvidenceSource,
    steps: int = 5,
    known_ids: Tensor | None = None,
    reference: bool = False,
    progress: Callable[[int], None] = lambda _frames: None,
) -> ClipMotion:
    """Recover a clip.

    Args:
        model: the network, on the device to compute on.
        source: the evidence of at least one frame.
        steps: decoding steps.
        known_ids: int64 `[T,P]`, tokens to keep, MASK elsewhere; None: none are known.
        reference: the plain reading of the method, for comparison.
        progress: called with the number of frames that are done, after each window.

    Returns:
        The motion, on the CPU. Windows are independent and cut in the middle of their overlaps, as released.
    """
    config = model.config
    device = model.trajectory_mean.device
    windows = window_spans(len(source), config.clip_frames, config.overlap_frames)
    pieces = []
    for (start, stop), (first, last) in zip(windows, kept_spans(windows, config.overlap_frames), strict=True):
        evidence = source.window(start, stop)
        known = None if known_ids is None else known_ids[None, start:stop].to(device)
        pieces.append(_recover_window(model, evidence, steps, known, reference, slice(first - start, last - start)))
        progress(last)
    columns = zip(*pieces, strict=True)
    return ClipMotion(*(torch.cat(column) for column in columns))


def _recover_window(
    model: Moro, evidence: WindowEvidence, steps: int, known_ids: Tensor | None, reference: bool, keep: slice
) -> tuple[Tensor, ...]:
    device = model.trajectory_mean.device
    tokens, box = evidence.tokens[None].to(device), evidence.box[None].to(device)
    valid = None if evidence.valid is None else evidence.valid[None].to(device)
    image = model.dst_former.encode_image(tokens.float(), valid, box)
    found = decode_tokens(model, image, steps, known_ids, reference)
    codes = model.smoother(model.codes(found.ids))
    turn = evidence.to_camera.to(device)
    parts = (
        found.ids,
        codes,
        found.confidence,
        turn @ found.rotation,
        (found.translation @ turn.mT).squeeze(2),
        found.contact.sigmoid(),
    )
    return tuple(part[0, keep].cpu() for part in parts)
