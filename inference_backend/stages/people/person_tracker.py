"""One person who is being followed through a shot, picture by picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .landmarker import PersonLandmarker
from .pose import Pose
from .pose_gate import Rejection, rejection_of
from .view import View, turned_view_of, view_of

_LONGEST_PREDICTION_S: Final = 0.25  # beyond this, somebody who cannot be seen is assumed to have stopped
_RETRY_EVERY: Final = 4  # frames; somebody who stays lost is not worth a restart on each
_LEANING: Final = np.radians(20.0)  # a trunk that leans further may be found in a turned view only
_KEEP_MARGIN: Final = 0.35  # of the box, around where the person must be


@dataclass(frozen=True)
class Detection:
    """One accepted picture of a person.

    Attributes:
        frame: clip frame.
        pose: landmarks in pixels of the working picture, without the silhouette.
        mask: uint8 `[64,6]`, packed silhouette.
        support: how far the silhouette bears the landmarks out, 0..1.
    """

    frame: int
    pose: Pose
    mask: NDArray[np.uint8]
    support: float

    @classmethod
    def of(cls, frame: int, pose: Pose) -> "Detection":
        """A detection from what the landmarker returned; lets go of the large silhouette."""
        return cls(frame, replace(pose, silhouette=None), pose.packed_mask(), pose.support)


@dataclass
class PersonTracker:
    """A person, their landmarker and all that was seen of them.

    Attributes:
        landmarker: follows this person alone.
        size_wh: width and height of the working picture.
        detections: accepted pictures in order of time.
        current: the pose in the picture last looked at, with its silhouette; None when the person was not found.
        surprise: how far that pose is from what was expected, in body heights.
        restarts: how often the landmarker was started again.
    """

    landmarker: PersonLandmarker
    size_wh: tuple[int, int]
    detections: list[Detection] = field(default_factory=list)
    current: Pose | None = None
    surprise: float = 0.0
    restarts: int = 0
    _view: View | None = None
    _velocity: NDArray[np.float32] = field(default_factory=lambda: np.zeros(2, np.float32))
    _time_s: float = 0.0
    _lost: int = 0

    @property
    def last(self) -> Pose:
        """The last accepted pose."""
        return self.detections[-1].pose

    @property
    def lost(self) -> bool:
        """Whether the person was not found in the last picture."""
        return self._lost > 0

    def elapsed(self, time_s: float) -> float:
        """Seconds since the person was last seen."""
        return abs(time_s - self._time_s)

    def expected_shift(self, time_s: float) -> NDArray[np.float32]:
        """How far the person should have moved since the last accepted pose `[2]`, pixels."""
        return self._velocity * min(self.elapsed(time_s), _LONGEST_PREDICTION_S)

    def begin(
        self, picture: NDArray[np.uint8], frame: int, time_s: float, found: Pose, others: Sequence[Pose] = ()
    ) -> Rejection | None:
        """Starts to follow somebody, or goes on with them, from where they were found in this picture.

        Args:
            picture: working picture, RGB `[H,W,3]`.
            frame: its clip frame.
            time_s: its time in seconds.
            found: what a look at the picture found.
            others: the other people in it.

        Returns:
            Why the person could not be followed from there, or None.
        """
        self._view = view_of(found.box, found.height, self.size_wh)
        self.landmarker.forget()
        pose = self.landmarker.follow(picture, self._view, time_s, _around(found.box, _KEEP_MARGIN), others)
        rejection = rejection_of(pose, found, found.centre, 0.0)
        if rejection is None:
            self._accept(frame, time_s, pose)
        return rejection

    def step(
        self, picture: NDArray[np.uint8], frame: int, time_s: float, others: Sequence[Pose] = ()
    ) -> Rejection | None:
        """Looks for the person in the next picture; arguments as in `begin`. Returns why that failed, or None."""
        shift = self.expected_shift(time_s)
        expected_box = self.last.box + np.tile(shift, 2)
        keep = _around(expected_box, _KEEP_MARGIN + self.elapsed(time_s)) if self.lost else None
        if not self._view.suits(expected_box, self.last.height, self.size_wh):
            fresh = view_of(expected_box, self.last.height, self.size_wh)
            if fresh != self._view:
                self._view, keep = fresh, _around(expected_box, _KEEP_MARGIN)
                self.landmarker.forget()
        pose = self.landmarker.follow(picture, self._view, time_s, keep, others)
        rejection = rejection_of(pose, self.last, self.last.centre + shift, self.elapsed(time_s))
        if rejection is not None and self._lost % _RETRY_EVERY == 0:
            self.landmarker.forget()
            keep = _around(expected_box, _KEEP_MARGIN)
            self.restarts += 1
            pose = self.landmarker.follow(picture, self._view, time_s, keep, others)
            rejection = rejection_of(pose, self.last, self.last.centre + shift, self.elapsed(time_s))
            if rejection is not None and abs(self.last.turn) > _LEANING and not self._view.turn:
                pose, rejection = self._turned(picture, time_s, expected_box, keep, others)
        if rejection is None:
            self._accept(frame, time_s, pose)
        else:
            self._lost += 1
            self.current = None
        return rejection

    def _turned(
        self,
        picture: NDArray[np.uint8],
        time_s: float,
        expected_box: NDArray[np.float32],
        keep: NDArray[np.float32],
        others: Sequence[Pose],
    ) -> tuple[Pose | None, Rejection | None]:
        """Looks once more, in a view in which the person stands as upright as when they were last seen they leant: the
        detector knows few people who lean. A view that worked is kept."""
        view = turned_view_of(expected_box, self.last.height, self.last.turn)
        self.landmarker.forget()
        pose = self.landmarker.follow(picture, view, time_s, keep, others)
        shift = self.expected_shift(time_s)
        rejection = rejection_of(pose, self.last, self.last.centre + shift, self.elapsed(time_s))
        if rejection is None:
            self._view = view
        else:
            self.landmarker.forget()
        return pose, rejection

    def take_back(self) -> None:
        """Forgets the last detection: it belonged to somebody else."""
        self.detections.pop()
        self.current = None
        self._lost += 1
        self.landmarker.forget()

    def _accept(self, frame: int, time_s: float, pose: Pose) -> None:
        self.current = pose
        if self.detections:
            shifted = self.last.keypoints + self.expected_shift(time_s)
            self.surprise = float(np.linalg.norm(pose.keypoints - shifted, axis=1).mean()) / self.last.height
            step = (pose.centre - self.last.centre) / max(self.elapsed(time_s), 1e-3)
            self._velocity = step if self._lost else 0.5 * self._velocity + 0.5 * step
        self.detections.append(Detection.of(frame, pose))
        self._time_s, self._lost = time_s, 0


def _around(box: NDArray[np.float32], margin: float) -> NDArray[np.float32]:
    """A box grown by a share of its longer side."""
    reach = margin * float(max(box[2] - box[0], box[3] - box[1]))
    return box + np.float32([-reach, -reach, reach, reach])
