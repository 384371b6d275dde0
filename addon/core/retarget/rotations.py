"""Turning vectors by quaternions, and the smallest turns between directions. Quaternions are unit, scalar first."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..quaternions import multiply

Array = NDArray[np.float64]

IDENTITY: Array = np.array([1.0, 0.0, 0.0, 0.0])


def rotate(quaternions: ArrayLike, vectors: ArrayLike) -> Array:
    """Vectors `[...,3]` turned by quaternions `[...,4]`; both broadcast.

    v + 2 u x (u x v + w v) with u the vector part, which saves two thirds of q v q*.
    """
    q, v = np.asarray(quaternions, dtype=np.float64), np.asarray(vectors, dtype=np.float64)
    u = q[..., 1:]
    return v + 2.0 * _cross(u, _cross(u, v) + q[..., :1] * v)


def _cross(a: Array, b: Array) -> Array:
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def about(axis: ArrayLike, angle: ArrayLike) -> Array:
    """Quaternions `[...,4]` that turn by `angle` `[...]` radians about unit `axis` `[...,3]`."""
    half = 0.5 * np.asarray(angle, dtype=np.float64)[..., None]
    axis = np.asarray(axis, dtype=np.float64)
    return np.concatenate([np.cos(half), np.sin(half) * axis], axis=-1)


def between(start: ArrayLike, end: ArrayLike) -> Array:
    """The smallest turns `[...,4]` that carry directions `start` to `end`, `[...,3]`, of any length above zero.

    For opposite directions it is half a circle about some axis across them.
    """
    a, b = np.broadcast_arrays(normalised(start), normalised(end))
    w = 1.0 + np.sum(a * b, axis=-1, keepdims=True)
    q = np.concatenate([w, _cross(a, b)], axis=-1)
    opposite = w[..., 0] < 1e-9
    if opposite.any():
        side = np.where(np.abs(a[..., :1]) < 0.8, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
        across = normalised(_cross(a, side))
        q[opposite] = np.concatenate([np.zeros((*across.shape[:-1], 1)), across], axis=-1)[opposite]
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def normalised(vectors: ArrayLike) -> Array:
    """Vectors `[...,3]` of length one; those without length stay zero."""
    v = np.asarray(vectors, dtype=np.float64)
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


def rotation_vectors(quaternions: ArrayLike) -> Array:
    """Axis times angle `[...,3]`, at most half a circle, of quaternions `[...,4]`."""
    q = np.asarray(quaternions, dtype=np.float64)
    q = np.where(q[..., :1] < 0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, q[..., :1])
    return q[..., 1:] * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-12), 2.0)


def angle_between(a: ArrayLike, b: ArrayLike) -> Array:
    """Angles `[...]` in radians, 0..pi, between directions `[...,3]`; exact for small ones too."""
    a, b = normalised(a), normalised(b)
    return np.arctan2(np.linalg.norm(_cross(*np.broadcast_arrays(a, b)), axis=-1), np.sum(a * b, axis=-1))


def chain(*quaternions: ArrayLike) -> Array:
    """The product of several quaternions: the last turns first."""
    product = np.asarray(quaternions[0], dtype=np.float64)
    for q in quaternions[1:]:
        product = multiply(product, q)
    return product
