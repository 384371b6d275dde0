"""The pinhole camera with OpenCV's lens distortion, forward in torch and backward in numpy."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MIN_DEPTH = 1e-3
"""Points nearer than this (metres), or behind the camera, are projected as if at this depth."""


def project(points: Tensor, K: Tensor, dist: Tensor | None = None) -> Tensor:
    """Project camera-frame points to pixels of the distorted image.

    The model is OpenCV's (camera calibration documentation, "Detailed description"): radial k1 k2 k3, tangential p1 p2.

    Args:
        points: `[...,J,3]`, metres, x right, y down, z forward.
        K: `[...,3,3]`, pixels; leading axes broadcast against those of `points` without J.
        dist: `[5]`, k1 k2 p1 p2 k3; None for none.

    Returns:
        `[...,J,2]`, pixels. Points behind the camera give finite but meaningless pixels.
    """
    z = points[..., 2:].clamp_min(MIN_DEPTH)
    xy = points[..., :2] / z
    if dist is not None:
        xy = distort(xy, dist)
    homogeneous = torch.cat([xy, torch.ones_like(z)], dim=-1)
    return (homogeneous @ K.transpose(-1, -2))[..., :2]


def distort(xy: Tensor, dist: Tensor) -> Tensor:
    """Apply OpenCV's k1 k2 p1 p2 k3 to normalised image coordinates `[...,2]`."""
    k1, k2, p1, p2, k3 = dist.unbind(-1)
    x, y = xy.unbind(-1)
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return torch.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        dim=-1,
    )


def undistort(pixels: NDArray[np.floating], K: NDArray[np.floating], dist: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn pixels of the distorted image into normalised coordinates (x/z, y/z); NaN stays NaN.

    Args:
        pixels: `[T,J,2]`.
        K: `[T,3,3]`, one matrix per frame.
        dist: `[5]`, OpenCV's k1 k2 p1 p2 k3.

    Returns:
        `[T,J,2]`, float64.
    """
    K = np.asarray(K, np.float64)
    centred = np.asarray(pixels, np.float64) - K[:, None, :2, 2]
    y = centred[..., 1] / K[:, None, 1, 1]
    x = (centred[..., 0] - K[:, None, 0, 1] * y) / K[:, None, 0, 0]
    distorted = np.stack([x, y], axis=-1)
    if not np.any(dist):
        return distorted
    flat = np.nan_to_num(distorted.reshape(-1, 1, 2))
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-10)
    if len(flat) == 0:
        return distorted
    rays = cv2.undistortPointsIter(flat, np.eye(3), np.asarray(dist, np.float64), None, None, criteria)
    rays = rays.reshape(distorted.shape)
    return np.where(np.isfinite(distorted), rays, np.nan)
