"""Long clips in windows of equal length that overlap, solved in batches and cross-faded."""

import numpy as np
import roma
import torch

from .evidence import Evidence
from .settings import KinematicSettings
from .solver import Motion


def window_spans(frames: int, settings: KinematicSettings) -> list[tuple[int, int]]:
    """Windows of equal length that cover the frames with the given overlap."""
    if frames <= settings.window * 1.5:
        return [(0, frames)]
    count = int(np.ceil((frames - settings.overlap) / (settings.window - settings.overlap)))
    starts = np.linspace(0, frames - settings.window, count).round().astype(int)
    return [(int(s), int(s) + settings.window) for s in starts]


def stack_evidence(whole: Evidence, spans: list[tuple[int, int]]) -> Evidence:
    """Windows of a clip's evidence, stacked."""
    parts = {name: value for name in Evidence.__dataclass_fields__ if (value := getattr(whole, name)) is not None}
    return Evidence(**{name: torch.cat([value[:, a:b] for a, b in spans], dim=0) for name, value in parts.items()})


def stack_motion(whole: Motion, spans: list[tuple[int, int]]) -> Motion:
    """Windows of a clip's motion, stacked."""
    parts = {name: torch.cat([getattr(whole, name)[:, a:b] for a, b in spans]) for name in ("pelvis", "root", "z")}
    return Motion(**parts, betas=whole.betas.expand(len(spans), -1))


def merge(pieces: list[Motion], spans: list[tuple[int, int]], frames: int) -> Motion:
    """Cross-fade overlapping windows into one."""
    if len(spans) == 1:
        return pieces[0]
    parts = {name: torch.cat([getattr(p, name) for p in pieces]) for name in ("pelvis", "root", "z")}
    total = torch.zeros(frames, dtype=torch.float64)
    sums = {name: torch.zeros(frames, *value.shape[2:], dtype=torch.float64) for name, value in parts.items()}
    for k, (a, b) in enumerate(spans):
        ramp = torch.ones(b - a, dtype=torch.float64)
        if k:
            fade = spans[k - 1][1] - a
            ramp[:fade] = (torch.arange(fade, dtype=torch.float64) + 0.5) / fade
        if k + 1 < len(spans):
            fade = b - spans[k + 1][0]
            ramp[-fade:] *= torch.flip((torch.arange(fade, dtype=torch.float64) + 0.5) / fade, (0,))
        total[a:b] += ramp
        for name, value in parts.items():
            sums[name][a:b] += ramp.reshape(-1, *[1] * (value.ndim - 2)) * value[k]
    mixed = {name: value / total.reshape(-1, *[1] * (value.ndim - 1)) for name, value in sums.items()}
    root = roma.special_procrustes(mixed["root"])
    return Motion(mixed["pelvis"][None], root[None], mixed["z"][None], pieces[0].betas[:1])
