"""Recover the motion of one person through a clip of any length, window by window, at constant memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from ....protocol.errors import ErrorCode, RecoverError
from ..evidence.landmark_encoder import LandmarkUncertainty
from ..evidence.window import EvidenceSource, WindowEvidence
from ..network import Moro
from .decoding import decode_tokens
from .guide import Guide
from .windows import Span, kept_spans, window_spans

_MOTION: Final = 6
"""Tensors that every network tells of a window; its landmark encoder's uncertainty follows."""


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
        uncertainty: of the landmark encoder, if there is one, `[T,...]`; bones in the camera frame.
    """

    ids: Tensor
    codes: Tensor
    confidence: Tensor
    rotation: Tensor
    translation: Tensor
    contact: Tensor
    uncertainty: LandmarkUncertainty | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def is_finite(self) -> bool:
        """Whether every number is one."""
        parts = (self.codes, self.confidence, self.rotation, self.translation, self.contact)
        return all(bool(part.isfinite().all()) for part in parts)


@torch.no_grad()
def recover_clip(
    model: Moro,
    source: EvidenceSource,
    steps: int = 5,
    known_ids: Tensor | None = None,
    reference: bool = False,
    windows_at_once: int = 1,
    progress: Callable[[int], None] = lambda _frames: None,
    guide: Guide | None = None,
) -> ClipMotion:
    """Recover a clip.

    Args:
        model: the network, on the device to compute on.
        source: the evidence of at least one frame.
        steps: decoding steps.
        known_ids: int64 `[T,P]`, tokens to keep, MASK elsewhere; None: none are known.
        reference: the plain reading of the method, for comparison.
        windows_at_once: windows of equal length that are decoded as one batch; more suit small networks on a GPU.
        progress: called with the number of frames that are done, after each window.
        guide: what another estimator contributes; its seeds take the place of `known_ids`.

    Returns:
        The motion, on the CPU. Windows are independent and cut in the middle of their overlaps, as released.

    Raises:
        RecoverError: `BAD_INPUT` when the source has no frames.
    """
    if len(source) == 0:
        raise RecoverError(
            ErrorCode.BAD_INPUT, "There is no frame to recover.", "Choose a part of the clip that shows somebody."
        )
    config = model.config
    windows = window_spans(len(source), config.clip_frames, config.overlap_frames)
    kept = kept_spans(windows, config.overlap_frames)
    pieces = []
    # Windows with different numbers of known tokens take different numbers of steps, so each goes alone.
    for group in _equal_runs(windows, windows_at_once if known_ids is None and guide is None else 1):
        evidence = [source.window(*windows[i]) for i in group]
        known = None if known_ids is None else torch.stack([known_ids[slice(*windows[i])] for i in group])
        hints = None if guide is None else guide.window(*windows[group[0]])
        parts = _recover_windows(model, evidence, steps, known, reference, hints)
        for row, i in enumerate(group):
            keep = slice(kept[i][0] - windows[i][0], kept[i][1] - windows[i][0])
            pieces.append(tuple(part[row, keep].cpu() for part in parts))
        progress(kept[group[-1]][1])
    columns = [torch.cat(column) for column in zip(*pieces, strict=True)]
    motion, uncertainty = columns[:_MOTION], columns[_MOTION:]
    return ClipMotion(*motion, uncertainty=LandmarkUncertainty(*uncertainty) if uncertainty else None)


def _equal_runs(windows: list[Span], at_once: int) -> list[list[int]]:
    """Successive windows of equal length, at most so many together."""
    runs: list[list[int]] = []
    for i, (start, stop) in enumerate(windows):
        last = runs[-1] if runs else []
        if last and len(last) < at_once and windows[last[0]][1] - windows[last[0]][0] == stop - start:
            last.append(i)
        else:
            runs.append([i])
    return runs


def _recover_windows(
    model: Moro,
    evidence: list[WindowEvidence],
    steps: int,
    known_ids: Tensor | None,
    reference: bool,
    guide: Guide | None,
) -> tuple[Tensor, ...]:
    """Recover windows of equal length as one batch: the fields of `ClipMotion` with a leading axis, and those of
    its uncertainty where there is one."""
    device = model.trajectory_mean.device
    tokens, valid, box, turn = zip(*evidence, strict=True)
    masks = None if valid[0] is None else torch.stack(valid).to(device)
    image = model.dst_former.encode_image(torch.stack(tokens).to(device).float(), masks, torch.stack(box).to(device))
    to_camera = torch.stack(turn).to(device)[:, None]
    scores = None
    if guide is not None:
        known_ids, scores = (None if x is None else x[None].to(device) for x in (guide.ids, guide.scores))
        if guide.coarse is not None:
            own = (image.translation @ to_camera.mT)[0, :, 0].cpu()
            path = guide.coarse(slice(0, len(own)), own).to(image.translation)
            image = image._replace(translation=path[None, :, None] @ to_camera)
    known_ids = None if known_ids is None else known_ids.to(device)
    uncertainty = ()
    if image.uncertainty is not None:
        uncertainty = image.uncertainty._replace(bones=image.uncertainty.bones @ to_camera.mT)
    found = decode_tokens(model, image, steps, known_ids, reference, known_scores=scores)
    return (
        found.ids,
        model.smoother(found.codes),
        found.confidence,
        to_camera @ found.rotation,
        (found.translation @ to_camera.mT).squeeze(2),
        found.contact.sigmoid(),
        *uncertainty,
    )
