"""Splits the recovered pelvis into a root (place on the floor and heading) and what is left for the pelvis bone.

Engines move a character by its root bone, animators want one bone to shift and turn the whole motion by. The split
is exact: root times pelvis is the recovered pelvis, whatever heading is chosen. All in our world (y up).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .quaternions import from_rotation_vectors, to_matrices, twist_angle

Array = NDArray[np.float64]

UP: Final = np.array([0.0, 1.0, 0.0])
HOLD_TILT: Final = np.radians(60.0)
"""Beyond this tilt of the trunk the heading is held ..."""
FOLLOW_TILT: Final = np.radians(45.0)
"""... until the trunk is this upright again; between the two, what held before goes on, so that it cannot flutter."""
EASE_SECONDS: Final = 0.5
"""At the end of a held stretch the heading eases to where the person got up, over at most this long."""


@dataclass(frozen=True)
class Root:
    """The root bone's motion in our world.

    Attributes:
        position: float64 `[T,3]`, metres: the floor point under the pelvis.
        heading: float64 `[T]`, radians about y, unwrapped; 0 faces +z.
    """

    position: Array
    heading: Array


def upright_frames(trunk_tilt: ArrayLike) -> NDArray[np.bool_]:
    """Frames `[T]` in which the trunk counts as upright, with hysteresis; `trunk_tilt` `[T]` in radians from up."""
    tilt = np.asarray(trunk_tilt, dtype=np.float64)
    if len(tilt) == 0:
        return np.zeros(0, dtype=bool)
    sure = np.where(tilt < FOLLOW_TILT, 1, np.where(tilt > HOLD_TILT, 0, -1))
    decided = np.flatnonzero(sure >= 0)
    if len(decided) == 0:
        return tilt < HOLD_TILT
    latest = np.searchsorted(decided, np.arange(len(tilt)), side="right") - 1
    return sure[decided[np.maximum(latest, 0)]] == 1


def heading_of(global_orient: ArrayLike, time_s: ArrayLike) -> Array:
    """Unwrapped heading `[T]` in radians about y of a pelvis with axis-angle `global_orient` `[T,3]`.

    The heading is the pelvis's turn about the vertical (swing-twist), which for a person who only leans is the
    direction they face, and which does not jump when the trunk passes horizontal. While the trunk is not upright it
    is held, then eased to the new heading at the end of that stretch, so it is continuous throughout.

    Args:
        global_orient: `[T,3]`, pelvis to world, radians.
        time_s: `[T]`, rising time stamps in seconds.
    """
    q = from_rotation_vectors(global_orient)
    time_s = np.asarray(time_s, dtype=np.float64)
    heading = twist_angle(q, UP)
    tilt = np.arccos(np.clip(to_matrices(q)[:, 1, 1], -1.0, 1.0))
    upright = upright_frames(tilt)
    kept = np.flatnonzero(upright)
    if len(kept) == 0:
        return np.full(len(heading), heading[0]) if len(heading) else heading
    # the way through a held stretch may spin freely (upside down): only its ends count
    heading[kept] = np.unwrap(heading[kept])
    heading[: kept[0]] = heading[kept[0]]
    heading[kept[-1] :] = heading[kept[-1]]
    for before, after in pairwise(kept):
        if after - before > 1:
            span = slice(before, after + 1)
            left = time_s[after] - time_s[span]
            fraction = np.clip(1.0 - left / min(EASE_SECONDS, left[0]), 0.0, 1.0)
            ease = fraction * fraction * (3.0 - 2.0 * fraction)
            heading[span] = heading[before] + (heading[after] - heading[before]) * ease
    return heading


def split_root(
    global_orient: ArrayLike, pelvis: ArrayLike, time_s: ArrayLike, *, floor_y: float = 0.0, position_only: bool = False
) -> Root:
    """The root of a motion.

    Args:
        global_orient: `[T,3]`, axis-angle, pelvis to world.
        pelvis: `[T,3]`, metres, the pelvis joint in the world.
        time_s: `[T]`, rising time stamps in seconds.
        floor_y: height of the floor in metres.
        position_only: leave the heading at 0, so that the whole orientation stays on the pelvis.
    """
    position = np.array(pelvis, dtype=np.float64)
    position[:, 1] = floor_y
    heading = np.zeros(len(position)) if position_only else heading_of(global_orient, time_s)
    return Root(position=position, heading=heading)
