"""Windows over long clips, and which frames of each window are kept."""

from collections.abc import Sequence

Span = tuple[int, int]
"""First frame and the frame after the last."""


def window_spans(n_frames: int, length: int, overlap: int) -> list[Span]:
    """Windows of `length` frames that start every `length - overlap`; the last ends with the clip."""
    if not 0 <= overlap < length:
        raise ValueError(f"an overlap of {overlap} frames does not fit windows of {length}")
    spans = [(0, min(length, n_frames))]
    while spans[-1][1] < n_frames:
        start = spans[-1][0] + length - overlap
        spans.append((start, min(start + length, n_frames)))
    return spans


def kept_spans(windows: Sequence[Span], overlap: int) -> list[Span]:
    """Frames kept of each window: neighbours meet in the middle of their overlap, without blending."""
    half = overlap // 2
    last = len(windows) - 1
    return [
        (start + (half if i else 0), stop - (overlap - half if i < last else 0))
        for i, (start, stop) in enumerate(windows)
    ]
