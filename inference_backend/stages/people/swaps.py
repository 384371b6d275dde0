"""Left taken for right: of the whole body (a front taken for a back) or of one pair of limbs."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .blazepose import ARM_PAIRS, CORE, LEG_PAIRS, MIRRORED, exchanged

Points = NDArray[np.float32]

_FURTHEST: Final = 0.3  # body heights: a landmark that jumps further says no more than this
_RELUCTANCE: Final = 0.1  # body heights a second: what it costs to call the landmarker wrong
_LIMB_RUN_S: Final = 0.12
_LIMB_OFF: Final = 0.08  # body heights
_LIMB_GAIN: Final = 0.35


def find_body_swaps(points: Points, time_s: NDArray[np.float64], height: float) -> NDArray[np.bool_]:
    """In which frames the whole body's left and right are exchanged.

    A body that turns passes through a view from the side; one whose sides jump was taken for its back. The most
    plausible sequence of labels is the one with the shortest way of all landmarks through the clip, where exchanged
    frames cost something (Viterbi 1967, two states).

    Args:
        points: landmarks `[n,33,2]` of the frames in which the person was seen, pixels.
        time_s: their times `[n]`.
        height: the person's standing height in pixels.

    Returns:
        bool `[n]`.
    """
    count = len(points)
    if count < 2:
        return np.zeros(count, bool)
    labelled = np.stack([points, points[:, MIRRORED]])[:, :, CORE] / height
    step = np.linalg.norm(labelled[:, None, :-1] - labelled[None, :, 1:], axis=-1)
    way = np.minimum(step, _FURTHEST).mean(-1)  # [from, to, n - 1]
    price = _RELUCTANCE * np.diff(time_s, prepend=time_s[0] - np.median(np.diff(time_s)))
    total = np.array([0.0, price[0]])
    came_from = np.zeros((count, 2), np.int64)
    for frame in range(1, count):
        through = total[:, None] + way[:, :, frame - 1]
        came_from[frame] = through.argmin(0)
        total = through.min(0) + np.array([0.0, price[frame]])
    state = np.empty(count, np.int64)
    state[-1] = total.argmin()
    for frame in range(count - 1, 0, -1):
        state[frame - 1] = came_from[frame, state[frame]]
    return state.astype(bool)


def exchange_body(points: Points, world: Points) -> tuple[Points, Points]:
    """Landmarks `[...,33,2]` and world landmarks `[...,33,3]` of a body that faces the other way.

    Both views look the same from the front, so depth changes its sign with the labels.
    """
    return points[..., MIRRORED, :], world[..., MIRRORED, :] * np.float32([1, 1, -1])


def find_limb_swaps(points: Points, time_s: NDArray[np.float64], height: float) -> NDArray[np.int64]:
    """Which landmarks to read instead, where arms or legs change sides for a moment and change back.

    Only runs so short that the frames around them tell where the limbs must be, and only where the exchange brings them
    much closer to that.

    Args:
        points: as in `find_body_swaps`.
        time_s: likewise.
        height: likewise.

    Returns:
        Indices `[n,33]` into the landmarks.
    """
    count = len(points)
    order = np.tile(np.arange(points.shape[1]), (count, 1))
    for pairs in (ARM_PAIRS, LEG_PAIRS):
        joints = np.array(pairs[:2]).ravel()  # elbows and wrists, knees and ankles
        other = exchanged(pairs)
        limbs = points[:, joints] / height
        swapped = points[:, other][:, joints] / height
        frame = 1
        while frame < count - 1:
            run = _limb_run(limbs, swapped, time_s, frame)
            order[frame : frame + run] = order[frame : frame + run][:, other]
            frame += max(run, 1)
    return order


def _limb_run(limbs: Points, swapped: Points, time_s: NDArray[np.float64], start: int) -> int:
    """Length of the run of exchanged frames that begins at `start`; 0 for none."""
    for end in range(start + 1, len(limbs)):
        if time_s[end - 1] - time_s[start] > _LIMB_RUN_S:
            return 0
        share = ((time_s[start:end] - time_s[start - 1]) / (time_s[end] - time_s[start - 1]))[:, None, None]
        between = (1 - share) * limbs[start - 1] + share * limbs[end]
        as_is = np.linalg.norm(limbs[start:end] - between, axis=-1).mean(-1)
        exchanged_off = np.linalg.norm(swapped[start:end] - between, axis=-1).mean(-1)
        if (as_is > _LIMB_OFF).all() and (exchanged_off < _LIMB_GAIN * as_is).all():
            return end - start
    return 0
