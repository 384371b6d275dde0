"""Cross-fades: for some frames two pictures show at once.

In a fade whole areas of the picture are half way between what was and what comes, and climb there steadily. When things
move, a place changes as an edge passes it: at once, or slowly along a thin line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .cuts import similarity, structure

Grey = NDArray[np.uint8]

HALF_LENGTHS_S: Final = (0.1, 0.15, 0.25, 0.4, 0.7, 1.0)
_CHANGED: Final = 30.0  # grey levels
_COMPACT: Final = np.ones((5, 5), np.uint8)  # areas smaller than this are edges of things that move
_FULL_SHARE: Final = 0.25  # of the changed area: the whole picture fades
_PURE: Final = 0.03  # a picture with less than this of the other counts as unmixed
_SOME_SHARE: Final = 0.03  # only a person fades, over the same background ...
_LONGEST_FIGURE_FADE_S: Final = 0.25  # half of it; longer ones look like somebody who moves
_DIP: Final = 0.82  # ... and loses contrast against it meanwhile
_FIGURE: Final = 12.0  # grey levels by which something stands out from the background


@dataclass(frozen=True)
class Fade:
    """A cross-fade, in frames of the window it was found in.

    Attributes:
        first: first frame in which two pictures show.
        last: last such frame.
    """

    first: int
    last: int


def fading_share(window: Sequence[Grey], centre: int, half: int) -> float:
    """Share of the changed area that is on its way from old to new in compact patches.

    Args:
        window: small grey pictures, each `[h,w]`.
        centre: index of the middle frame.
        half: frames from the middle to either end.
    """
    quarter = max(1, half // 2)
    pictures = [window[centre + offset] for offset in (-half, -quarter, 0, quarter, half)]
    # A compact patch shows in every second pixel too; most frames end here.
    if np.count_nonzero(_climbing([picture[::2, ::2] for picture in pictures])[1]) < _COMPACT.size // 4:
        return 0.0
    changed, climbing = _climbing(pictures)
    if changed.mean() < 0.003:
        return 0.0
    patches = cv2.morphologyEx(climbing.astype(np.uint8), cv2.MORPH_OPEN, _COMPACT).sum()
    area = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_OPEN, _COMPACT).sum()
    return float(patches) / max(float(area), 2.0 * _COMPACT.size)


def _climbing(pictures: Sequence[Grey]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pixels change from the first to the last of five pictures, and which of them do so steadily."""
    start, early, middle, late, end = (picture.astype(np.float32) for picture in pictures)
    change = end - start
    changed = np.abs(change) > _CHANGED
    scale = np.where(changed, change, 1.0)
    a, b, c = ((picture - start) / scale for picture in (early, middle, late))
    return changed, changed & (a > 0.08) & (a < b - 0.05) & (b > 0.25) & (b < 0.75) & (b < c - 0.05) & (c < 0.92)


def find_fade(window: Sequence[Grey], centre: int, fps: float) -> Fade | None:
    """The cross-fade around a frame, if there is one.

    Args:
        window: small grey pictures around it, each `[h,w]`.
        centre: index of the frame in the window.
        fps: frames per second.
    """
    shares = {}
    for half in sorted({max(3, round(seconds * fps)) for seconds in HALF_LENGTHS_S}):
        if centre - half >= 0 and centre + half < len(window):
            shares[half] = fading_share(window, centre, half)
    if not shares:
        return None
    half = max((half for half, share in shares.items() if share >= _FULL_SHARE), default=0)
    if half and not _same_structure(window[centre - half], window[centre + half]):
        return Fade(*_extent(window, centre, half))
    short = {half: share for half, share in shares.items() if half <= max(3, round(_LONGEST_FIGURE_FADE_S * fps))}
    half = max(short, key=short.get, default=0)
    if not half or short[half] < _SOME_SHARE:
        return None
    dip = _contrast_dip(window, centre, half)
    return Fade(*dip) if dip else None


def _same_structure(one: Grey, other: Grey) -> bool:
    """Whether two pictures differ by their light only."""
    return similarity(structure(one), structure(other)) > 0.5


def _extent(window: Sequence[Grey], centre: int, half: int) -> tuple[int, int]:
    """First and last frame around the centre that is a mixture of the pictures at both ends."""
    start, end = (window[centre + offset].astype(np.float32) for offset in (-half, half))
    change = end - start
    power = float((change * change).sum())
    frames = range(centre - half, centre + half + 1)
    share = np.array([float(((window[frame] - start) * change).sum()) for frame in frames]) / power
    mixed = np.flatnonzero((share > _PURE) & (share < 1 - _PURE))
    return centre - half + int(mixed[0]), centre - half + int(mixed[-1])


def _contrast_dip(window: Sequence[Grey], centre: int, half: int) -> tuple[int, int] | None:
    """First and last frame around the centre in which what stands before the background is pale, or None."""
    window = [grey[::2, ::2] for grey in window]
    background = np.median(np.stack(window[:: max(1, len(window) // 31)]), axis=0).astype(np.float32)
    reach = 2 * half
    start = max(0, centre - 3 * reach)
    contrast = np.array([_contrast(grey, background) for grey in window[start : centre + 3 * reach + 1]])
    centre -= start
    near = contrast[max(0, centre - reach) : centre + reach + 1]
    lowest = int(near.argmin()) + max(0, centre - reach)
    before, after = contrast[max(0, lowest - reach) : lowest], contrast[lowest + 1 : lowest + reach + 1]
    if len(before) < reach or len(after) < reach:
        return None
    level = _DIP * min(before.max(), after.max())
    if contrast[lowest] > level:
        return None
    first = last = lowest
    while first > 0 and contrast[first - 1] <= level:
        first -= 1
    while last < len(contrast) - 1 and contrast[last + 1] <= level:
        last += 1
    return (start + first, start + last) if last - first <= reach else None


def _contrast(grey: Grey, background: NDArray[np.float32]) -> float:
    apart = np.abs(grey - background)
    figure = apart > _FIGURE
    return float(apart[figure].mean()) if figure.any() else 0.0
