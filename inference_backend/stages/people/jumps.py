"""Frames in which the landmarker was somewhere else: the body jumps there and back."""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .blazepose import CORE, HIPS, SHOULDERS
from .judge import UPSIDE_DOWN

Points = NDArray[np.float32]

_STEP: Final = 0.12  # body heights that all landmarks together may move from one frame to the next ...
_SPEED: Final = 2.5  # ... and a second later: the landmarks of a sprinter, about 4 m/s beside their own centre's motion
_SHORT_S: Final = 0.3
_TURN: Final = np.radians(80.0)
_TURN_SPEED: Final = np.radians(600.0)


def find_jumps(points: Points, time_s: NDArray[np.float64], height: float) -> NDArray[np.bool_]:
    """Frames to distrust.

    The clip falls into runs without jumps. A short run is distrusted when the runs around it go on from each other, or
    when it is alone at an end; a run upside down is distrusted when it was entered or left with a jump and is not the
    greater part.

    Args:
        points: landmarks `[n,33,2]` of the frames in which the person was seen, pixels.
        time_s: their times `[n]`.
        height: the person's standing height in pixels.

    Returns:
        bool `[n]`.
    """
    count = len(points)
    bad = np.zeros(count, bool)
    if count < 3:
        return bad
    body = points[:, CORE] / height
    turn = _torso_turn(points)
    starts = [0, *(i for i in range(1, count) if _is_jump(body, turn, time_s, i - 1, i)), count]
    runs = [slice(first, last) for first, last in pairwise(starts)]
    for index, run in enumerate(runs):
        if len(runs) == 1:
            break
        upside_down = np.abs(turn[run]).min() > UPSIDE_DOWN and run.stop - run.start < 0.5 * count
        short = time_s[run.stop - 1] - time_s[run.start] < _SHORT_S
        before = runs[index - 1].stop - 1 if index else None
        after = runs[index + 1].start if index + 1 < len(runs) else None
        alone = before is None or after is None or not _is_jump(body, turn, time_s, before, after)
        bad[run] = upside_down or (short and alone)
    return bad


def _torso_turn(points: Points) -> NDArray[np.float32]:
    up = points[:, list(SHOULDERS)].mean(1) - points[:, list(HIPS)].mean(1)
    return np.arctan2(up[:, 0], -up[:, 1])


def _is_jump(body: Points, turn: NDArray[np.float32], time_s: NDArray[np.float64], before: int, after: int) -> bool:
    elapsed = float(time_s[after] - time_s[before])
    moved = float(np.linalg.norm(body[after] - body[before], axis=-1).mean())
    turned = abs((float(turn[after] - turn[before]) + np.pi) % (2 * np.pi) - np.pi)
    return moved > _STEP + _SPEED * elapsed or turned > _TURN + _TURN_SPEED * elapsed
