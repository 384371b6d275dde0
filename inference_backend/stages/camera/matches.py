"""From followed points to matches of the background: people left out, what agrees on one motion kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ...records.background import Background
from ...records.people import MASK_WH, PersonTrack

POINTS: Final = 48
"""Points of a match that are kept: more are no more certain, as their errors are alike."""
LEAST: Final = 8
"""Fewer points that agree say nothing."""
_EXTENT: Final = 0.15
"""Of the picture's diagonal, that the points must cover, or roll and zoom cannot be told."""
_AGREE_PX: Final = 1.5
_GROW: Final = 0.08
"""Of a box, around it and around the silhouette in it, that still counts as the person."""


@dataclass(frozen=True)
class Matches:
    """L pairs of frames and the places of background points in them.

    Attributes:
        key, frame: int64 `[L]`, clip frames, the key frame first; pairs in order of time.
        before, after: float64 `[L,n,2]`, places in the key frame and in the frame, pixels of the upright frame.
        weight: float64 `[L,n]`, 1 for a point, 0 for padding.
        agree: float64 `[L]`, share of a pair's background points that agree on one motion.
        scale: pixels of the frame in a pixel of the picture in which points were followed.
    """

    key: NDArray[np.int64]
    frame: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    weight: NDArray[np.float64]
    agree: NDArray[np.float64]
    scale: float

    @property
    def sufficient(self) -> NDArray[np.bool_]:
        """Pairs `[L]` whose points are enough, and far enough apart, to tell a motion."""
        return self.weight.sum(1) >= LEAST

    def select(self, rows: NDArray[np.bool_]) -> "Matches":
        """Some of the pairs."""
        arrays = (self.key, self.frame, self.before, self.after, self.weight, self.agree)
        return Matches(*(array[rows] for array in arrays), self.scale)


def match_background(
    background: Background, frames: NDArray[np.int64], tracks: Sequence[PersonTrack], size_wh: tuple[int, int]
) -> Matches:
    """The matches of one shot.

    Args:
        background: of the clip.
        frames: of the shot, contiguous.
        tracks: people, whose points are left out.
        size_wh: of the upright frame.
    """
    links = np.flatnonzero((background.link_frame >= frames[0]) & (background.link_frame <= frames[-1]))
    before, after = np.zeros((len(links), POINTS, 2)), np.zeros((len(links), POINTS, 2))
    weight, agree = np.zeros((len(links), POINTS)), np.zeros(len(links))
    people = _People(tracks)
    on_person = {}
    extent = _EXTENT * float(np.hypot(*size_wh))
    for i, link in enumerate(links):
        rows = slice(background.link_start[link], background.link_start[link + 1])
        point, there = background.point[rows], background.place[rows]
        key, frame = int(background.link_key[link]), int(background.link_frame[link])
        if key not in on_person:
            own = np.flatnonzero(background.key_frame == key)
            on_person[key] = dict(zip(own.tolist(), people.cover(key, background.key_place[own]), strict=True))
        free = ~np.array([on_person[key][p] for p in point.tolist()], bool) & ~people.cover(frame, there)
        here, there = background.key_place[point[free]].astype(np.float64), there[free].astype(np.float64)
        inliers = _agreeing(here, there, _AGREE_PX * background.scale)
        agree[i] = len(inliers) / max(len(here), 1)
        if len(inliers) < LEAST or np.ptp(here[inliers], axis=0).max() < extent:
            continue
        chosen = inliers[np.linspace(0, len(inliers) - 1, min(POINTS, len(inliers))).round().astype(int)]
        before[i, : len(chosen)], after[i, : len(chosen)] = here[chosen], there[chosen]
        weight[i, : len(chosen)] = 1
    return Matches(
        background.link_key[links], background.link_frame[links], before, after, weight, agree, background.scale
    )


def _agreeing(here: NDArray[np.float64], there: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    """Points that one homography explains: whatever turns and zooms about its own place maps all of them by one."""
    if len(here) < LEAST:
        return np.zeros(0, np.int64)
    _, good = cv2.findHomography(here, there, cv2.USAC_MAGSAC, limit, maxIters=500)
    return np.zeros(0, np.int64) if good is None else np.flatnonzero(good[:, 0])


class _People:
    """Tells which places of a frame lie on somebody."""

    def __init__(self, tracks: Sequence[PersonTrack]) -> None:
        self._tracks = tracks
        self._kernel = np.ones([2 * round(_GROW * side) + 1 for side in MASK_WH[::-1]], np.uint8)

    def cover(self, frame: int, places: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of the places `[n,2]` of a clip frame lie on a silhouette, or in a box without one."""
        covered = np.zeros(len(places), bool)
        for track in self._tracks:
            row = frame - int(track.frames[0])
            if not 0 <= row < len(track):
                continue
            low, high = track.box[row].reshape(2, 2).astype(np.float64)
            margin = _GROW * (high - low)
            inside = ((places > low - margin) & (places < high + margin)).all(1)
            if inside.any():
                covered |= inside & self._on_silhouette(track.mask[row], (places - low) / np.maximum(high - low, 1e-6))
        return covered

    def _on_silhouette(self, packed: NDArray[np.uint8], at: NDArray[np.float64]) -> NDArray[np.bool_]:
        if not packed.any():
            return np.ones(len(at), bool)
        grown = cv2.dilate(np.unpackbits(packed, axis=1), self._kernel)
        column, row = (np.clip(at, 0, 0.999) * MASK_WH).astype(int).T
        return grown[row, column] > 0
