"""Rotation matrices to axis-angle vectors that do not jump in time."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation


def continuous_rotvec(matrices: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Axis-angle vectors whose sign and number of turns follow the valid frame before.

    A rotation by angle a about u is also one by a - 2 pi about u: of the two the one closer to the previous vector is
    taken, so that a rotation passing 180 degrees does not flip its axis. The angle stays within 2 pi.

    Args:
        matrices: `[T,...,3,3]`, anything where not valid.
        valid: bool `[T]`.

    Returns:
        float32 `[T,...,3]`, radians; zeros where not valid.
    """
    rotvec = np.zeros(matrices.shape[:-1], np.float32)
    rows = np.flatnonzero(valid)
    # One joint at a time: a long clip's copies would otherwise add up.
    for joint in np.ndindex(matrices.shape[1:-2]) if len(rows) else ():
        rotvec[(rows, *joint)] = _follow(Rotation.from_matrix(matrices[(rows, *joint)]).as_rotvec())
    return rotvec


def _follow(short: NDArray[np.float64]) -> NDArray[np.float64]:
    """The continuous choice for one joint, from its vectors `[N,3]` of at most half a turn."""
    angle = np.linalg.norm(short, axis=1, keepdims=True)
    # Near zero there is no axis to turn about the other way.
    around = np.where(angle > 1e-6, short * (1.0 - 2.0 * np.pi / np.maximum(angle, 1e-6)), short)
    if len(short) == 1:
        return short
    # Whether frame t goes around, if the frame before did not, and if it did.
    after_short, after_around = (
        np.linalg.norm(around[1:] - before, axis=1) < np.linalg.norm(short[1:] - before, axis=1)
        for before in (short[:-1], around[:-1])
    )
    # Each step either decides by itself, keeps the choice, or swaps it: so the choice is that of the last step that
    # decided, swapped as often as there were swaps since.
    decides = np.concatenate([[True], after_short == after_around])
    decided = np.concatenate([[False], after_short])
    swaps = np.cumsum(np.concatenate([[False], after_short & ~after_around]))
    last = np.maximum.accumulate(np.where(decides, np.arange(len(short)), 0))
    goes_around = decided[last] ^ ((swaps - swaps[last]) % 2).astype(bool)
    return np.where(goes_around[:, None], around, short)
