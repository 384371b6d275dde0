"""Looks at the whole picture now and then, for people who are new or were lost."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .landmarker import PictureLandmarker
from .person_tracker import PersonTracker
from .pose import Pose, distance
from .pose_gate import UPSIDE_DOWN, turned_between
from .view import View, whole_view

_SAME: Final = 0.3  # body heights: mean landmark distance below which two poses are one person's
_LOST_OFF: Final = 0.6  # body heights that somebody who was lost may be off, at once ...
_LOST_SPEED: Final = 1.2  # ... and a second later: a brisk walk
_LOST_RATIO: Final = 1.6
_TRUST: Final = 0.5
_UPRIGHT: Final = np.radians(60.0)
_OUT_OF_REACH: Final = 1e6


class Search:
    """Finds people anywhere in the picture, by looking at one part of it after the other.

    The detector sees 224 x 224 pixels, so a small person in a wide picture is only found in a part of it.

    Args:
        finder: the landmarker for single pictures.
        size_wh: width and height of the working picture.
        asked_for: how many people somebody expects to see; 0 when nobody said.
    """

    def __init__(self, finder: PictureLandmarker, size_wh: tuple[int, int], asked_for: int = 0) -> None:
        self._finder = finder
        self._size_wh = size_wh
        self._asked_for = asked_for
        self._views = _views(size_wh)
        self._next = 0

    @property
    def rounds(self) -> int:
        """Looks that it takes to see every part of the picture."""
        return len(self._views)

    def everywhere(self, picture: NDArray[np.uint8]) -> list[Pose]:
        """All people in the picture. Those in a crowd are small: it looks closer when fewer are found than expected."""
        self._next = 0
        found = _distinct([pose for view in self._views for pose in self._look(picture, view)])
        if len(found) >= self._asked_for:
            return found
        closer = [pose for view in _close_views(self._size_wh) for pose in self._look(picture, view)]
        return _distinct([*found, *closer])

    def somewhere(self, picture: NDArray[np.uint8]) -> list[Pose]:
        """The people in the next part of the picture."""
        view = self._views[self._next]
        self._next = (self._next + 1) % len(self._views)
        return _distinct(self._look(picture, view))

    def _look(self, picture: NDArray[np.uint8], view: View) -> list[Pose]:
        return [pose for pose in self._finder.find(picture, view) if pose.trust >= _TRUST]


def match(people: Sequence[PersonTracker], found: Sequence[Pose], time_s: float) -> tuple[dict[int, int], list[int]]:
    """Says which of the poses found belong to whom (minimum total cost, Kuhn 1955).

    Args:
        people: those who are followed, some of them lost.
        found: poses in the current picture.
        time_s: its time.

    Returns:
        For each person to go on with from what was found, index into `people` -> index into `found`: those who were
        lost, and those who are followed upside down where the detector sees them upright; and the indices into `found`
        of newcomers.
    """
    if not people or not found:
        return {}, list(range(len(found)))
    cost = np.array([[_cost(person, pose, time_s) for pose in found] for person in people])
    rows, columns = linear_sum_assignment(cost)
    pairs = {int(row): int(column) for row, column in zip(rows, columns, strict=True) if cost[row, column] < 1.0}
    again = {row: column for row, column in pairs.items() if people[row].lost}
    taken = set(pairs.values())
    for row, person in enumerate(people):
        upright = _upright_instead(person, found, taken) if row not in pairs else None
        if upright is not None:
            again[row] = upright
            taken.add(upright)
    known = [person.current for person in people if person.current is not None]
    new = [
        index
        for index, pose in enumerate(found)
        if index not in taken and all(distance(pose, other) > _SAME for other in known)
    ]
    return again, new


def _cost(person: PersonTracker, pose: Pose, time_s: float) -> float:
    """Below 1 when the pose may be this person's."""
    if not person.lost:
        apart = distance(person.last, pose)
        return apart / _SAME if apart < _SAME else _OUT_OF_REACH
    elapsed = person.elapsed(time_s)
    expected = person.last.centre + person.expected_shift(time_s)
    off = float(np.linalg.norm(pose.centre - expected)) / person.last.height / (_LOST_OFF + _LOST_SPEED * elapsed)
    ratio = abs(np.log(pose.height / person.last.height)) / np.log(_LOST_RATIO)
    if off >= 1.0 or ratio >= 1.0:
        return _OUT_OF_REACH
    return (off + 0.5 * ratio + 0.2 * turned_between(pose, person.last) / np.pi) / 1.7


def _upright_instead(person: PersonTracker, found: Sequence[Pose], taken: set[int]) -> int | None:
    if person.current is None or abs(person.current.turn) < UPSIDE_DOWN:
        return None
    for index, pose in enumerate(found):
        apart = float(np.linalg.norm(pose.centre - person.current.centre)) / person.current.height
        if index not in taken and abs(pose.turn) < _UPRIGHT and apart < _SAME:
            return index
    return None


def _distinct(poses: list[Pose]) -> list[Pose]:
    """The poses without those that show a person again, the most prominent first."""
    kept: list[Pose] = []
    for pose in sorted(poses, key=lambda pose: pose.trust * pose.height, reverse=True):
        if all(distance(pose, other) > _SAME for other in kept):
            kept.append(pose)
    return kept


def _views(size_wh: tuple[int, int]) -> list[View]:
    width, height = size_wh
    side, longer = min(size_wh), max(size_wh)
    views = [whole_view(size_wh)]
    if longer < 1.3 * side:
        return views
    count = int(np.ceil(2 * longer / side)) - 1  # squares that overlap by about a half
    for start in np.linspace(0, longer - side, count).round().astype(int).tolist():
        views.append(View(start, 0, side, side) if width > height else View(0, start, side, side))
    return views


def _close_views(size_wh: tuple[int, int]) -> list[View]:
    """Squares of half the picture's shorter side that overlap by about a half."""
    side = max(1, min(size_wh) // 2)
    across, down = (
        np.linspace(0, size - side, int(np.ceil(2 * size / side)) - 1).round().astype(int).tolist() for size in size_wh
    )
    return [View(x, y, side, side) for y in down for x in across]
