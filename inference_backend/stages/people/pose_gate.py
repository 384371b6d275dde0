"""Whether a pose can be the person that has been followed so far.

MediaPipe loses a person without saying so: it goes over to somebody else, or turns the whole body upside down after
something passed in front. Everything is measured in body heights (`Pose.height`), so that the distance from the camera
does not matter, and the limits widen with the time since the person was last seen.
"""

from enum import Enum
from typing import Final

import numpy as np

from .pose import Pose

UPSIDE_DOWN: Final = np.radians(100.0)
_LONGEST_S: Final = 0.3  # the limits widen no further: somebody lost for longer must be found by the detector again
_START_OFF: Final = 0.25  # body heights off the predicted place
_SPEED: Final = 3.0  # body heights a second, beyond the predicted motion: about 5 m/s
_START_RATIO: Final = 1.5
_RATIO_SPEED: Final = 1.5
_START_TURN: Final = np.radians(50.0)
_TURN_SPEED: Final = np.radians(600.0)  # a second; a somersault takes about 500


class Rejection(Enum):
    """Why a pose was refused."""

    NOTHING = "nothing was found"
    ELSEWHERE = "it is another place in the picture"
    SIZE = "it is another size"
    UPSIDE_DOWN = "the body turned upside down at once"
    OUTSIDE = "the body is outside the picture"


def rejection_of(pose: Pose | None, last: Pose, expected: np.ndarray, elapsed_s: float) -> Rejection | None:
    """The reason why a pose cannot be this person, or None.

    Args:
        pose: what was found.
        last: the last accepted pose.
        expected: where the centre should be by now `[2]`, pixels.
        elapsed_s: seconds since `last`.
    """
    if pose is None:
        return Rejection.NOTHING
    elapsed_s = min(elapsed_s, _LONGEST_S)
    off = float(np.linalg.norm(pose.centre - expected)) / last.height
    if off > _START_OFF + _SPEED * elapsed_s:
        return Rejection.ELSEWHERE
    ratio = abs(np.log(pose.height / last.height))
    if ratio > np.log(_START_RATIO + _RATIO_SPEED * elapsed_s):
        return Rejection.SIZE
    if abs(pose.turn) > UPSIDE_DOWN and turned_between(pose, last) > _START_TURN + _TURN_SPEED * elapsed_s:
        return Rejection.UPSIDE_DOWN
    return None


def turned_between(one: Pose, other: Pose) -> float:
    """Angle between two torsos in the picture, radians in 0..pi."""
    return abs((one.turn - other.turn + np.pi) % (2 * np.pi) - np.pi)
