"""How far each landmark is trusted: what the landmarker says of it, and whether it moves as a body does."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from .evidence import USED
from .settings import KinematicSettings

Array = NDArray[np.float64]


def landmark_weights(rays: Array, visibility: Array, seen: NDArray[np.bool_], settings: KinematicSettings) -> Array:
    """Weights of landmarks `[M,33]`: 1 when well visible and moving smoothly, 0 where not seen.

    Hidden landmarks keep a false place for a while and then jump, often with high visibility; the restlessness of a
    landmark, averaged over a quarter of a second, gives them away.

    Args:
        rays: `[M,33,2]`, 30 frames a second.
        visibility: `[M,33]`.
        seen: `[M]`.
        settings: see `KinematicSettings`.
    """
    unseen = np.clip(1 - visibility, 0, 1) ** settings.visibility_power
    weights = 1 / (1 + settings.unseen_sigma_factor * unseen)
    if settings.restless_scale > 0 and seen.any():
        weights = weights / (1 + (restlessness(rays, visibility, seen) / settings.restless_scale) ** 2)
    used = np.zeros(weights.shape[1])
    used[list(USED)] = 1
    return weights * used * seen[:, None]


def restlessness(rays: Array, visibility: Array, seen: NDArray[np.bool_]) -> Array:
    """How far landmarks jump about their own smoothed paths, in body heights, `[M,33]`."""
    index, known = np.arange(len(seen)), np.flatnonzero(seen)
    flat = rays.reshape(len(seen), -1)
    filled = np.stack([np.interp(index, known, flat[known, k]) for k in range(flat.shape[1])], axis=1)
    filled = filled.reshape(rays.shape)
    height = np.median(body_heights(filled, visibility)[known])
    away = filled - gaussian_filter1d(filled, 2.0, axis=0, mode="nearest")
    return np.sqrt(gaussian_filter1d((away**2).sum(axis=-1), 4.0, axis=0, mode="nearest")) / max(height, 1e-6)


def body_heights(rays: Array, visibility: Array) -> Array:
    """Size of the person in each frame `[M]`, in the units of the rays: three trunks, or what the landmarks span."""
    hips, shoulders = rays[:, [23, 24]].mean(axis=1), rays[:, [11, 12]].mean(axis=1)
    trunk = np.linalg.norm(shoulders - hips, axis=-1)
    span = np.where(visibility[..., None] > 0.3, rays, hips[:, None])
    return np.maximum(3.0 * trunk, np.ptp(span, axis=1).max(axis=-1))
