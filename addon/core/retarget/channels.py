"""Rotations as the channels of a bone's own rotation mode, without jumps from key to key."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from ..quaternions import make_continuous, to_matrices
from .rotations import rotation_vectors
from .skeletons import Array

EULER_ORDERS: Final = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")


def rotation_channel(mode: str, quaternions: ArrayLike) -> tuple[str, Array]:
    """Name and values `[T,4]` or `[T,3]` of the channel that a rotation mode uses.

    Args:
        mode: Blender's `rotation_mode`: `QUATERNION`, `AXIS_ANGLE` or an Euler order.
        quaternions: `[T,4]`.
    """
    if mode == "QUATERNION":
        return "rotation_quaternion", make_continuous(quaternions)
    if mode == "AXIS_ANGLE":
        return "rotation_axis_angle", _axis_angles(quaternions)
    return "rotation_euler", euler_angles(quaternions, mode)


def euler_angles(quaternions: ArrayLike, order: str) -> Array:
    """Euler angles `[T,3]` (x, y, z in radians): of the two ways to say a turn always the nearer to the one before.

    Blender's order `XYZ` turns about x first: R = Rz Ry Rx. With (i, j, k) the order and e its parity,
    R_ki = -e sin b, and (a + pi, pi - b, c + pi) is the other way. Shoemake, "Euler angle conversion", 1994.
    """
    matrices = to_matrices(quaternions)
    i, j, k = ("XYZ".index(axis) for axis in order)
    e = 1.0 if order in ("XYZ", "YZX", "ZXY") else -1.0
    cosine = np.hypot(matrices[:, i, i], matrices[:, j, i])
    b = np.arctan2(-e * matrices[:, k, i], cosine)
    c = np.arctan2(e * matrices[:, j, i], matrices[:, i, i])
    locked = cosine < 1e-5  # only the sum of the outer angles is known: the last one stays
    if locked.any():
        known = np.flatnonzero(~locked)
        if len(known):
            c = c[known[np.maximum(np.searchsorted(known, np.arange(len(c)), side="right") - 1, 0)]]
        else:
            c = np.zeros_like(c)
    # with the last turn undone, what remains is R_j(b) R_i(a)
    cc, sc = np.cos(c), e * np.sin(c)
    row_j_j = cc * matrices[:, j, j] - sc * matrices[:, i, j]
    row_j_k = cc * matrices[:, j, k] - sc * matrices[:, i, k]
    a = np.arctan2(-e * row_j_k, row_j_j)
    ways = np.stack([np.stack([a, b, c], axis=-1), np.stack([a + np.pi, np.pi - b, c + np.pi], axis=-1)], axis=1)
    nearest = _chosen(ways)
    angles = np.empty((len(a), 3))
    angles[:, [i, j, k]] = np.unwrap(nearest, axis=0)
    return angles


def _chosen(ways: Array) -> Array:
    """Of two ways `[T,2,3]` the chain `[T,3]` of nearest neighbours, beginning with the first way."""
    steps = ways[1:, None, :, :] - ways[:-1, :, None, :]
    steps -= 2 * np.pi * np.round(steps / (2 * np.pi))
    best = np.argmin(np.sum(steps * steps, axis=-1), axis=-1).tolist()  # [T-1][way before] -> way
    way, picked = 0, [0]
    for step in best:
        way = step[way]
        picked.append(way)
    return ways[np.arange(len(ways)), picked]


def _axis_angles(quaternions: ArrayLike) -> Array:
    """Angle and axis `[T,4]`; the axis keeps its side, so the angle runs through zero and beyond half a circle."""
    vectors = rotation_vectors(make_continuous(quaternions))
    angle = np.linalg.norm(vectors, axis=-1)
    axis = np.tile([0.0, 1.0, 0.0], (len(angle), 1))
    clear = angle > 1e-4
    if clear.any():
        frames = np.flatnonzero(clear)
        latest = frames[np.maximum(np.searchsorted(frames, np.arange(len(angle)), side="right") - 1, 0)]
        axis = vectors[latest] / angle[latest, None]
    flips = np.cumprod(np.where(np.sum(axis[1:] * axis[:-1], axis=-1) < 0, -1.0, 1.0))
    axis[1:] *= flips[:, None]
    signed = np.where(clear, angle, 0.0)
    signed[1:] *= flips
    return np.column_stack([np.unwrap(signed), axis])
