"""Exchanges left and right, of the whole body (a front was taken for a back) or of one pair of limbs."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...geometry.blazepose import ARM_PAIRS, LANDMARKS, LEG_PAIRS, MIRROR

Points = NDArray[np.float32]

_LIMB_RUN_S: Final = 0.12
_LIMB_OFF: Final = 0.08  # body heights
_LIMB_GAIN: Final = 0.35


def exchange_body(points: Points, world: Points) -> tuple[Points, Points]:
    """Landmarks `[...,33,2]` and world landmarks `[...,33,3]` of a body that faces the other way.

    Both views look the same from the front, so depth changes its sign with the labels.
    """
    order = list(MIRROR)
    return points[..., order, :], world[..., order, :] * np.float32([1, 1, -1])


def exchanged(pairs: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Indices `[33]` that exchange the landmarks of each pair and keep the others."""
    order = np.arange(len(LANDMARKS))
    for left, right in pairs:
        order[left], order[right] = right, left
    return order


def find_limb_swaps(points: Points, time_s: NDArray[np.float64], height: float) -> NDArray[np.int64]:
    """Which landmarks to read instead, where arms or legs change sides for a moment and change back.

    Only runs so short that the frames around them tell where the limbs must be, and only where the exchange brings them
    much closer to that.

    Args:
        points: landmarks `[n,33,2]` of the frames in which the person was seen, pixels.
        time_s: their times `[n]`.
        height: the person's standing height in pixels.

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
        # Only where the exchange brings the limbs nearer to the frame before can a run begin.
        nearer = _way(limbs[:-1], swapped[1:]) < _way(limbs[:-1], limbs[1:])
        free = 1
        for frame in np.flatnonzero(nearer) + 1:
            if frame < free or frame >= count - 1:
                continue
            run = _limb_run(limbs, swapped, time_s, int(frame))
            order[frame : frame + run] = order[frame : frame + run][:, other]
            free = frame + run
    return order


def _way(one: Points, other: Points) -> NDArray[np.float32]:
    return np.linalg.norm(one - other, axis=-1).mean(-1)


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
