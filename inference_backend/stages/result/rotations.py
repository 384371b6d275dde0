"""Rotation matrices to axis-angle vectors that do not jump in time."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

_TURN = 2.0 * np.pi


def continuous_rotvec(matrices: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Axis-angle vectors whose sign and number of turns follow the valid frame before.

    A rotation by angle a about u is also one by a - 2 pi about u: of the two nearest the one closer to the previous
    vector is taken, so that a rotation passing 180 degrees does not flip its axis. The angle stays within 2 pi.

    Args:
        matrices: `[T,...,3,3]`, anything where not valid.
        valid: bool `[T]`.

    Returns:
        float64 `[T,...,3]`, radians; zeros where not valid.
    """
    rotvec = np.zeros(matrices.shape[:-1])
    rows = np.flatnonzero(valid)
    if not len(rows):
        return rotvec
    shape = rotvec[rows].shape
    chosen = Rotation.from_matrix(matrices[rows].reshape(-1, 3, 3)).as_rotvec().reshape(shape)
    angle = np.linalg.norm(chosen, axis=-1, keepdims=True)
    # Near zero there is no axis to turn about the other way.
    other = np.where(angle > 1e-6, chosen * (1.0 - _TURN / np.maximum(angle, 1e-6)), chosen)
    flat, alternative = chosen.reshape(len(rows), -1, 3), other.reshape(len(rows), -1, 3)
    for i in range(1, len(rows)):
        nearer = np.linalg.norm(alternative[i] - flat[i - 1], axis=-1) < np.linalg.norm(flat[i] - flat[i - 1], axis=-1)
        flat[i] = np.where(nearer[:, None], alternative[i], flat[i])
    rotvec[rows] = flat.reshape(shape)
    return rotvec
