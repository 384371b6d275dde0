"""How good the fit is: support of landmarks, confidence of joints, uncertainty of depth."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, uniform_filter1d

from ....geometry.blazepose import INDEX
from ....geometry.projection import undistort
from ....protocol.skeleton import BODY_JOINTS
from ....records.camera import Camera
from ....records.people import PersonTrack
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


def support_of(points: Array, rays: Array, weights: Array, settings: KinematicSettings) -> Array:
    """Share `[M,33]` of each landmark's weight that the fit left: 1 where it agrees, 0 where it was overruled."""
    depth = np.maximum(points[..., 2], 0.3)
    miss = np.linalg.norm(points[..., :2] / depth[..., None] - rays, axis=-1) * depth
    squared = (miss * weights / settings.landmark_sigma) ** 2
    return np.where(weights > 0, 1 / (1 + squared / settings.outlier_sigmas**2) ** 2, 0.0) * np.sqrt(weights)


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


def near_evidence(seen: NDArray[np.bool_], reach: int = 15) -> NDArray[np.bool_]:
    """Frames within half a second of evidence; shorter gaps are bridged whole."""
    near = np.convolve(seen, np.ones(2 * reach + 1), mode="same")[: len(seen)] if len(seen) > 2 * reach else None
    if near is None:
        return np.full(len(seen), bool(seen.any()))
    return near > 0


def reprojection_error(points: Array, track: PersonTrack, camera: Camera) -> NDArray[np.float32]:
    """Mean miss `[N]` of a track's landmarks by the figure's points `[N,33,3]`, in box sides; NaN where not seen."""
    rays = undistort(track.keypoints, camera.K[track.frames], camera.dist)
    focal = 0.5 * (camera.K[track.frames, 0, 0] + camera.K[track.frames, 1, 1])
    side = np.maximum((track.box[:, 2:] - track.box[:, :2]).max(axis=1), 1.0)
    miss = np.linalg.norm(points[..., :2] / np.maximum(points[..., 2:], 1e-2) - rays, axis=-1)
    weight = track.visibility * np.isfinite(miss)
    mean = (np.nan_to_num(miss) * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-6)
    ok = track.seen & (weight.sum(axis=1) > 0)
    return np.where(ok, mean * focal / side, np.nan).astype(np.float32)
