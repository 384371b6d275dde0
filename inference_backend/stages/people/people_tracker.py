"""Everybody in one shot, followed picture by picture."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .false_tracks import is_unsupported
from .landmarker import PersonLandmarker
from .person_tracker import Detection, PersonTracker
from .pose import Pose, distance
from .search import Search, match
from .settings import PeopleSettings

_PROBATION_S: Final = 0.7  # then whoever looks like a false track is not worth following any further
_MERGED: Final = 0.1  # body heights: two people this close together are one, found twice


class LandmarkerPool:
    """Landmarkers that nobody needs at the moment: making one takes longer than ten pictures."""

    def __init__(self) -> None:
        self._all: list[PersonLandmarker] = []
        self._free: list[PersonLandmarker] = []

    def take(self) -> PersonLandmarker:
        """A landmarker for one person."""
        if self._free:
            return self._free.pop()
        self._all.append(PersonLandmarker())
        return self._all[-1]

    def give_back(self, landmarker: PersonLandmarker) -> None:
        """Returns a landmarker for the next person."""
        self._free.append(landmarker)

    def close(self) -> None:
        """Frees all of them."""
        for landmarker in self._all:
            landmarker.close()


class PeopleTracker:
    """The people of one shot.

    Args:
        pool: where landmarkers come from.
        search: looks at the whole picture.
        size_wh: width and height of the working picture.
        fps: frames per second.
        settings: how many people, and how often to search.
    """

    def __init__(
        self, pool: LandmarkerPool, search: Search, size_wh: tuple[int, int], fps: float, settings: PeopleSettings
    ) -> None:
        self._pool = pool
        self._search = search
        self._size_wh = size_wh
        self._settings = settings
        self._interval = max(4, round(settings.search_s * fps))
        self._probation = max(8, round(_PROBATION_S * fps))
        self._since_search = 0
        self._people: list[PersonTracker] = []
        self._gone: list[list[Detection]] = []
        self._started = False

    def step(self, picture: NDArray[np.uint8], frame: int, time_s: float) -> None:
        """Looks at the next picture of the shot.

        Args:
            picture: working picture, RGB `[H,W,3]`.
            frame: its clip frame.
            time_s: its time.
        """
        # Those who are sure of their place go first, so that the lost do not mistake them for themselves.
        for person in sorted(self._people, key=lambda person: person.lost):
            person.step(picture, frame, time_s, self._others(person))
        self._separate()
        self._since_search += 1
        if not self._started or (self._since_search >= self._interval and self._room()):
            found = self._search.somewhere(picture) if self._started else self._search.everywhere(picture)
            self._started, self._since_search = True, 0
            self._take_in(picture, frame, time_s, found)
        self._let_go(frame, time_s)

    def finish(self) -> list[list[Detection]]:
        """What was seen of everybody, in order of appearance; the landmarkers go back to the pool."""
        for person in self._people:
            self._gone.append(person.detections)
            self._pool.give_back(person.landmarker)
        self._people = []
        return sorted(self._gone, key=lambda detections: detections[0].frame)

    def _room(self) -> bool:
        return len(self._people) < self._settings.most or any(person.lost for person in self._people)

    def _others(self, person: PersonTracker) -> list[Pose]:
        return [other.current for other in self._people if other is not person and other.current is not None]

    def _separate(self) -> None:
        """Takes a detection back where two people came out as the same one."""
        there = [person for person in self._people if person.current is not None]
        for index, one in enumerate(there):
            for other in there[index + 1 :]:
                if one.current and other.current and distance(one.current, other.current) < _MERGED:
                    max(one, other, key=lambda person: person.surprise).take_back()

    def _take_in(self, picture: NDArray[np.uint8], frame: int, time_s: float, found: Sequence[Pose]) -> None:
        again, new = match(self._people, found, time_s)
        for index, pose in again.items():
            person = self._people[index]
            person.begin(picture, frame, time_s, found[pose], self._others(person))
        for pose in new:
            if len(self._people) >= self._settings.most:
                return
            person = PersonTracker(self._pool.take(), self._size_wh)
            if person.begin(picture, frame, time_s, found[pose], self._others(person)) is None:
                self._people.append(person)
            else:
                self._pool.give_back(person.landmarker)

    def _let_go(self, frame: int, time_s: float) -> None:
        for person in [person for person in self._people if person.lost]:
            watched = frame - person.detections[0].frame
            is_false = self._probation <= watched <= 4 * self._probation and is_unsupported(person.detections, frame)
            if is_false or person.elapsed(time_s) > self._settings.longest_gap_s:
                self._people.remove(person)
                self._pool.give_back(person.landmarker)
                if not is_false:
                    self._gone.append(person.detections)
