"""How good the fit is: support of landmarks, confidence of joints, uncertainty of depth."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, uniform_filter1d

from ....geometry.blazepose import INDEX
from ....protocol.skeleton import BODY_JOINTS
from .settings import KinematicSettings

Array = NDArray[np.float64]

# Which landmarks speak for a joint, beside its own.
_INNER = {
    "pelvis": ("hip",), "spine1": ("hip", "shoulder"), "spine2": ("hip", "shoulder"), "spine3": ("shoulder",),
    "neck": ("shoulder", "ear"), "head": ("ear", "eye"), "foot": ("foot_index",), "collar": ("shoulder",),
    "ankle": ("ankle", "heel"),
}  # fmt: skip


def _speakers() -> list[list[int]]:
    out = []
    for joint in BODY_JOINTS:
        side = joint.split("_")[0] if "_" in joint else ""
        parts = _INNER.get(joint.split("_")[-1], (joint.split("_")[-1],))
        names = [f"{s}_{part}" for part in parts for s in ((side,) if side else ("left", "right"))]
        out.append([INDEX[name] for name in names])
    return out


_SPEAKERS = _speakers()


def support_of(points: Array, rays: Array, trust: Array, settings: KinematicSettings) -> Array:
    """Share `[M,33]` of each landmark's weight that the fit left: 1 where it agrees, 0 where it was overruled."""
    depth = np.maximum(points[..., 2], 0.3)
    miss = np.linalg.norm(points[..., :2] / depth[..., None] - rays, axis=-1) * depth
    squared = (miss * trust / settings.landmark_sigma) ** 2
    return np.where(trust > 0, 1 / (1 + squared / settings.outlier_sigmas**2) ** 2, 0.0) * np.sqrt(trust)


def confidence_of(support: Array) -> Array:
    """Confidence `[M,22]` of the body joints from the support of the landmarks that speak for them, over 1/6 s."""
    joints = np.stack([support[:, speakers].mean(axis=1) for speakers in _SPEAKERS], axis=1)
    return np.clip(uniform_filter1d(joints, 5, axis=0, mode="nearest"), 0, 1)


def depth_sigma_of(points: Array, weight: Array, seen: NDArray[np.bool_], settings: KinematicSettings) -> Array:
    """Standard deviation `[M]` of the distance, metres: how well a size in the image fixes it, plus drift where unseen.

    The error that all frames share because the person's true stature is not known (about 5 % of the distance) is
    left out.
    """
    spread = points[..., :2] - points[..., :2].mean(axis=1, keepdims=True)
    size = np.sqrt((weight**2 * (spread**2).sum(axis=-1)).sum(axis=1))
    sigma = points[..., 2].mean(axis=1) * settings.landmark_sigma / np.maximum(size, 0.2)
    gap = (
        np.zeros(len(seen)) if seen.all() else distance_transform_edt(~seen) if seen.any() else np.full(len(seen), 30.0)
    )
    return np.clip(np.hypot(sigma, 0.02 * gap), 0.01, 5.0)
