"""Quaternions as Blender writes them: unit, scalar first (w, x, y, z), arrays `[...,4]`."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def from_rotation_vectors(vectors: ArrayLike) -> Array:
    """Quaternions `[...,4]` of axis-angle vectors `[...,3]` in radians."""
    vectors = np.asarray(vectors, dtype=np.float64)
    half = 0.5 * np.linalg.norm(vectors, axis=-1, keepdims=True)
    # np.sinc(x / pi) = sin(x) / x, finite at zero; sin(half) * v / |v| = v / 2 * sinc
    return np.concatenate([np.cos(half), 0.5 * vectors * np.sinc(half / np.pi)], axis=-1)


def from_matrices(matrices: ArrayLike) -> Array:
    """Quaternions `[...,4]` of rotation matrices `[...,3,3]`, with w >= 0 where w leads.

    Shepperd's method: of the four components the largest is taken from the diagonal, the others from it.
    """
    m = np.asarray(matrices, dtype=np.float64)
    trace = np.trace(m, axis1=-2, axis2=-1)
    squares = np.stack([trace, m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]], axis=-1)
    xw, yw, zw = (m[..., 2, 1] - m[..., 1, 2]), (m[..., 0, 2] - m[..., 2, 0]), (m[..., 1, 0] - m[..., 0, 1])
    xy, xz, yz = (m[..., 0, 1] + m[..., 1, 0]), (m[..., 0, 2] + m[..., 2, 0]), (m[..., 1, 2] + m[..., 2, 1])
    d = 1.0 - trace[..., None] + 2.0 * squares  # 4 q_i^2 for x, y, z
    rows = np.stack(
        [
            np.stack([1.0 + trace, xw, yw, zw], axis=-1),
            np.stack([xw, d[..., 1], xy, xz], axis=-1),
            np.stack([yw, xy, d[..., 2], yz], axis=-1),
            np.stack([zw, xz, yz, d[..., 3]], axis=-1),
        ],
        axis=-2,
    )
    best = np.argmax(squares, axis=-1)[..., None, None]
    q = np.take_along_axis(rows, np.broadcast_to(best, (*best.shape[:-1], 4)), axis=-2)[..., 0, :]
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def to_matrices(quaternions: ArrayLike) -> Array:
    """Rotation matrices `[...,3,3]` of unit quaternions `[...,4]`."""
    w, x, y, z = np.moveaxis(np.asarray(quaternions, dtype=np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def multiply(a: ArrayLike, b: ArrayLike) -> Array:
    """Hamilton product `a b` of `[...,4]`: the rotation b, then the rotation a."""
    aw, ax, ay, az = np.moveaxis(np.asarray(a, dtype=np.float64), -1, 0)
    bw, bx, by, bz = np.moveaxis(np.asarray(b, dtype=np.float64), -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def conjugate(quaternions: ArrayLike) -> Array:
    """Inverse of unit quaternions `[...,4]`."""
    return np.asarray(quaternions, dtype=np.float64) * np.array([1.0, -1.0, -1.0, -1.0])


def make_continuous(quaternions: ArrayLike) -> Array:
    """The same rotations `[T,...,4]` with signs chosen so that neighbours in time lie in one half space.

    q and -q are one rotation, but keys that change from one to the other make the curve between them spin.
    The first is given w >= 0.
    """
    q = np.array(quaternions, dtype=np.float64)
    if len(q) == 0:
        return q
    q[0] *= np.where(q[0, ..., :1] < 0, -1.0, 1.0)
    dots = np.sum(q[1:] * q[:-1], axis=-1, keepdims=True)
    q[1:] *= np.cumprod(np.where(dots < 0, -1.0, 1.0), axis=0)
    return q


def slerp(a: ArrayLike, b: ArrayLike, fraction: ArrayLike) -> Array:
    """Spherical interpolation along the shorter way from `a` to `b`, both `[...,4]`; `fraction` `[...]` in 0..1.

    Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
    """
    a = np.asarray(a, dtype=np.float64)
    b = np.asarray(b, dtype=np.float64)
    t = np.asarray(fraction, dtype=np.float64)[..., None]
    dot = np.sum(a * b, axis=-1, keepdims=True)
    b = np.where(dot < 0, -b, b)
    # the angle from the chord, which stays accurate for near-equal quaternions
    angle = 2.0 * np.arctan2(
        np.linalg.norm(a - b, axis=-1, keepdims=True), np.linalg.norm(a + b, axis=-1, keepdims=True)
    )
    scale = np.sinc(angle / np.pi)
    q = a * (1 - t) * np.sinc((1 - t) * angle / np.pi) / scale + b * t * np.sinc(t * angle / np.pi) / scale
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def twist_angle(quaternions: ArrayLike, axis: ArrayLike) -> Array:
    """Angle in radians, -pi..pi `[...]`, by which `[...,4]` turn about the unit `axis` `[3]`.

    Swing-twist: q = swing * twist, the swing without any turn about the axis. Undefined (noise) only where the
    rotation carries the axis to its opposite.
    """
    q = np.asarray(quaternions, dtype=np.float64)
    angle = 2.0 * np.arctan2(q[..., 1:] @ np.asarray(axis, dtype=np.float64), q[..., 0])
    return (angle + np.pi) % (2.0 * np.pi) - np.pi
