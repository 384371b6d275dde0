"""Follows the background of a clip from key frame to key frame, in constant memory."""

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ...records.background import Background
from ...records.video import Shots, Video
from .points import Grey, Points, follow, pick, register, shift_between, shrinking, small_grey

_ENOUGH: Final = 0.8
"""Share of a key frame's points that need not be looked for again."""
_FEW: Final = 0.6
_EMPTY: Final = 0.75
_CELL: Final = 60
"""Share of the points below which another key frame is wanted; and of the cells of the picture, of this side in pixels,
with points in them: a person who walks through keeps their own points, and covers and uncovers the background's."""
_VISIBLE: Final = 0.65
"""Share of an older key frame's points that must lie in the picture for the older one to be taken up again."""
_FOUND: Final = 0.5
"""Share of the points that are found where a steady motion takes them, or else the motion is looked for."""
_LEAST: Final = 8
_PAUSE: Final = 5
"""Frames between two attempts to find lost points again."""
_MOST_KEYS: Final = 64
"""Key frames of a shot whose pictures are kept: the first, and the latest."""
_RANSAC_PX: Final = 1.5
_SIMILAR: Final = 1.25
"""Factor in size within which a key frame's patches still fit."""


@dataclass(frozen=True)
class _Key:
    """A key frame: its number, picture, points `[n,2]`, the number of the first, how many cells of the picture they are
    in, and the homography to the shot's first key frame."""

    frame: int
    grey: Grey
    at: Points
    first: int
    cells: int
    to_first: NDArray[np.float64]


@dataclass
class _Links:
    """What `Background` is made of, piece by piece."""

    key_frame: list[NDArray[np.int64]] = field(default_factory=list)
    key_place: list[Points] = field(default_factory=list)
    link: list[tuple[int, int, int]] = field(default_factory=list)
    point: list[NDArray[np.int32]] = field(default_factory=list)
    place: list[Points] = field(default_factory=list)
    points: int = 0


class BackgroundFollower:
    """Sees the pictures of a clip one after the other.

    Points of a key frame are followed from picture to picture and each time registered against the key frame itself.
    When too few are left, an older key frame that is in view again takes over, so that a camera that comes back
    comes back exactly; else the picture becomes a key frame.

    Args:
        video: the clip.
        shots: of the clip; nothing is followed across a cut or through a cross-fade.
    """

    def __init__(self, video: Video, shots: Shots) -> None:
        self._full_width = video.size_wh[0]
        self._shots = shots
        self._links = _Links()
        self._shot = -1
        self._scale = 1.0
        self._keys: list[_Key] = []
        self._shift = np.zeros(2, np.float32)
        self.seen = 0

    def see(self, frame: int, picture: NDArray[np.uint8]) -> None:
        """The next picture.

        Args:
            frame: its clip frame.
            picture: RGB `[H,W,3]`, upright; it may be smaller than the frame.
        """
        self.seen += 1
        if self._shots.blended[frame]:
            return
        grey = small_grey(picture)
        if self._shots.shot_id[frame] != self._shot:
            self._shot = int(self._shots.shot_id[frame])
            height, width = picture.shape[:2]
            self._scale = shrinking(width, height) * self._full_width / width
            self._keys, self._shift = [], np.zeros(2, np.float32)
            self._new_key(frame, grey, np.eye(3))
        else:
            self._step(frame, grey)
        self._grey = grey

    def finish(self) -> Background:
        """All that was seen."""
        links = self._links
        key, frame, count = np.array(links.link, np.int64).reshape(-1, 3).T
        none = np.zeros((0, 2), np.float32)
        return Background(
            np.concatenate([np.zeros(0, np.int64), *links.key_frame]),
            np.concatenate([none, *links.key_place]),
            key,
            frame,
            np.concatenate([[0], np.cumsum(count)]),
            np.concatenate([np.zeros(0, np.int32), *links.point]),
            np.concatenate([none, *links.place]),
            self._scale,
        )

    def _step(self, frame: int, grey: Grey) -> None:
        there, found = follow(self._grey, grey, self._at, self._shift)
        if found.sum() < _FOUND * len(found):
            again = follow(self._grey, grey, self._at, shift_between(self._grey, grey))
            there, found = max((there, found), again, key=lambda result: result[1].sum())
        rows, guess = self._rows[found], there[found]
        self._shift = np.median(guess - self._at[found], axis=0) if len(rows) else np.zeros(2, np.float32)
        registered, good = register(self._key.grey, grey, self._key.at[rows], guess)
        self._rows, self._at = rows[good], registered[good]
        most = len(self._key.at)
        if len(rows) >= _LEAST and len(self._rows) < 0.5 * len(rows):
            # The picture is blurred or its light has changed: what was followed is better than nothing.
            self._rows, self._at = rows, guess
        if len(self._rows) < _ENOUGH * most and frame - self._tried >= _PAUSE:
            self._tried = frame
            self._find_again(grey)
        self._save(self._key, frame)
        few = len(self._rows) < _FEW * most or len(np.unique(_cells(self._at))) < _EMPTY * self._key.cells
        if few and not self._take_up_older(frame, grey):
            here = self._to_key()
            self._new_key(frame, grey, self._key.to_first @ here if here is not None else np.eye(3))

    def _find_again(self, grey: Grey) -> None:
        """Look for the key frame's lost points where the others say that they are."""
        here = self._to_key()
        if here is None:
            return
        lost = np.setdiff1d(np.arange(len(self._key.at)), self._rows)
        rows, at = self._found(self._key, lost, np.linalg.inv(here), grey)
        self._rows, self._at = np.concatenate([self._rows, rows]), np.concatenate([self._at, at])

    def _take_up_older(self, frame: int, grey: Grey) -> bool:
        """Go on from an older key frame that is in view again; it is linked to this frame, too."""
        here = self._to_key()
        if here is None:
            return False
        candidates = []
        for key in self._keys:
            move = np.linalg.inv(self._key.to_first @ here) @ key.to_first
            places, size = _moved(move, key.at)
            inside = _in_view(places, grey)
            if key is not self._key and 1 / _SIMILAR < size < _SIMILAR and inside.mean() > _VISIBLE:
                candidates.append((inside.mean(), key, move))
        for _, key, move in sorted(candidates, key=lambda candidate: -candidate[0])[:2]:
            rows, at = self._found(key, np.arange(len(key.at)), move, grey)
            if len(rows) > max(_FEW * len(key.at), len(self._rows)):
                self._key, self._rows, self._at = key, rows, at
                self._save(key, frame)
                return True
        return False

    def _found(
        self, key: _Key, rows: NDArray[np.int64], move: NDArray[np.float64], grey: Grey
    ) -> tuple[NDArray[np.int64], Points]:
        """Points of a key frame that are found where a homography from it says."""
        places, _ = _moved(move, key.at[rows])
        rows, places = (values[_in_view(places, grey)] for values in (rows, places))
        at, good = register(key.grey, grey, key.at[rows], places, levels=1)
        return rows[good], at[good]

    def _new_key(self, frame: int, grey: Grey, to_first: NDArray[np.float64]) -> None:
        at = pick(grey)
        links = self._links
        cells = len(np.unique(_cells(at)))
        self._key = _Key(frame, grey, at, links.points, cells, to_first / np.cbrt(np.linalg.det(to_first)))
        self._rows, self._at, self._tried = np.arange(len(at)), at, frame
        links.key_frame.append(np.full(len(at), frame, np.int64))
        links.key_place.append(self._full(at))
        links.points += len(at)
        self._keys.append(self._key)
        if len(self._keys) > _MOST_KEYS:
            del self._keys[1]

    def _save(self, key: _Key, frame: int) -> None:
        self._links.link.append((key.frame, frame, len(self._rows)))
        self._links.point.append((key.first + self._rows).astype(np.int32))
        self._links.place.append(self._full(self._at))

    def _full(self, at: Points) -> Points:
        """Pixels of the upright frame, (0, 0) its corner; in the small picture that is the middle of a pixel."""
        return ((at + 0.5) * self._scale).astype(np.float32)

    def _to_key(self) -> NDArray[np.float64] | None:
        """The homography from this picture to the key frame, or None where the points do not tell."""
        if len(self._rows) < _LEAST:
            return None
        found, _ = cv2.findHomography(self._at, self._key.at[self._rows], cv2.RANSAC, _RANSAC_PX)
        return None if found is None or abs(np.linalg.det(found)) < 1e-6 else found


def _cells(at: Points) -> NDArray[np.int64]:
    """Which cell of the picture each point is in."""
    return (at // _CELL).astype(np.int64) @ [1, 1 << 16]


def _moved(homography: NDArray[np.float64], at: Points) -> tuple[Points, float]:
    """Places under a homography, NaN for what would lie behind the camera; and how much larger things become."""
    homography = homography / np.cbrt(np.linalg.det(homography))
    moved = np.concatenate([at, np.ones((len(at), 1))], axis=1) @ homography.T
    depth = np.where(moved[:, 2:] > 1e-6, moved[:, 2:], np.nan)
    size = float(np.nanmedian(depth**-1.5)) if np.isfinite(depth).any() else 0.0
    return (moved[:, :2] / depth).astype(np.float32), size


def _in_view(at: Points, grey: Grey) -> NDArray[np.bool_]:
    height, width = grey.shape
    with np.errstate(invalid="ignore"):
        return ((at >= 2) & (at <= (width - 3, height - 3))).all(1)
