"""Points worth following in a small grey picture, and following them (Lucas-Kanade)."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Points = NDArray[np.float32]

SIDE: Final = 480
"""Pictures are scaled down by a whole number to about this longer side: a tenth of a pixel is then 0.012 degrees."""
MOST: Final = 160
_CELLS: Final = 12
_IN_CELL: Final = 3
_CORNER: Final = 0.004
_APART: Final = 7
_WINDOW: Final = (15, 15)
_LEVELS: Final = 3
_STOP: Final = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 20, 0.01)
_FLAT: Final = 31
_GAIN: Final = 1.5
_UNLIKE: Final = 25.0
_ASTRAY: Final = 3.0
"""Pixels between where a point was followed to and where its key frame's patch fits: more is another thing."""


def shrinking(width: int, height: int) -> int:
    """Pixels of a picture of this size, along each side, that become one."""
    return max(1, round(max(width, height) / SIDE))


def small_grey(picture: NDArray[np.uint8]) -> Grey:
    """An RGB picture as a small grey one without its slow shades, so that a change of exposure changes little."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    n = shrinking(width, height)
    if n > 1:
        whole = grey[: height // n * n, : width // n * n]
        grey = cv2.resize(whole, (width // n, height // n), interpolation=cv2.INTER_AREA)
    return cv2.addWeighted(grey, _GAIN, cv2.blur(grey, (_FLAT, _FLAT)), -_GAIN, 128.0)


def pick(grey: Grey) -> Points:
    """At most `MOST` corners `[n,2]`, spread evenly: the clearest of each cell of a grid."""
    found = cv2.goodFeaturesToTrack(grey, 5 * MOST, _CORNER, _APART)
    if found is None:
        return np.zeros((0, 2), np.float32)
    found = found[:, 0]
    step = max(grey.shape) / _CELLS
    cell = (found // step).astype(int) @ [1, _CELLS]
    order = np.argsort(cell, kind="stable")
    first = np.searchsorted(cell[order], cell[order])
    rank = np.empty(len(found), int)
    rank[order] = np.arange(len(found)) - first
    chosen = np.flatnonzero(rank < _IN_CELL)
    return found[chosen[np.argsort(rank[chosen], kind="stable")][:MOST]]


def follow(before: Grey, now: Grey, at: Points, shift: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Where points of the picture before are now `[n,2]`, and which were found.

    Args:
        before, now: grey pictures.
        at: `[n,2]` in the picture before.
        shift: `[2]`, about how far everything has moved.
    """
    if not len(at):
        return at, np.zeros(0, bool)
    there, found, error = cv2.calcOpticalFlowPyrLK(
        before,
        now,
        at,
        at + shift,
        winSize=_WINDOW,
        maxLevel=_LEVELS,
        criteria=_STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return there, found[:, 0].astype(bool) & (error[:, 0] < _UNLIKE) & _inside(there, now)


def shift_between(before: Grey, now: Grey) -> Points:
    """By how much the whole picture has moved `[2]`, pixels, however far (phase correlation)."""
    height, width = before.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(before.astype(np.float32) - 128, now.astype(np.float32) - 128, window)
    return np.float32(shift)


def register(key: Grey, now: Grey, at: Points, guess: Points, levels: int = 0) -> tuple[Points, NDArray[np.bool_]]:
    """Where points of a key frame are now, starting from a guess: compared with the key frame itself, so that small
    errors of many frames do not add up.

    Args:
        key, now: grey pictures.
        at: `[n,2]` in the key frame.
        guess: `[n,2]` about where they are now.
        levels: how far off the guess may be: 0 for few pixels, more doubles that.
    """
    if not len(at):
        return guess, np.zeros(0, bool)
    there, found, error = cv2.calcOpticalFlowPyrLK(
        key,
        now,
        at,
        guess.astype(np.float32),
        winSize=_WINDOW,
        maxLevel=levels,
        criteria=_STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    good = found[:, 0].astype(bool) & (error[:, 0] < _UNLIKE) & _inside(there, now)
    return there, good & (np.linalg.norm(there - guess, axis=1) < _ASTRAY * 4**levels)


def _inside(at: Points, image: Grey) -> NDArray[np.bool_]:
    height, width = image.shape
    return ((at >= 2) & (at <= (width - 3, height - 3))).all(1)
