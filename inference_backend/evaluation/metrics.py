"""Errors of recovered joints against a reference.

Arrays are `[T,J,3]` in metres at `fps` frames a second; `mask [T,J]` says what is scored. Errors come back in
millimetres, Accel in m/s^2, Jitter in 10 m/s^3, foot sliding in mm per 1/30 s. NaN where nothing can be scored.
Differences in time are taken only where all their samples are scored.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
MM = 1000.0
_ANKLES_AND_TOES = (7, 10, 8, 11)
_TOES = (10, 11)
_LOW = np.array([0.15, 0.10, 0.15, 0.10])
_SKATING_SPEED = 0.1
_DEEP = -0.05


class Similarity(NamedTuple):
    """`scale * R @ x + t`."""

    scale: float
    R: Array
    t: Array

    def __call__(self, points: Array) -> Array:
        """Apply to `[...,3]`."""
        return self.scale * points @ self.R.T + self.t


def align(source: Array, target: Array, *, scale: bool) -> Similarity:
    """The rotation, shift and optionally scale that bring `source [N,3]` nearest to `target [N,3]` (Umeyama 1991)."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_mean, target - target_mean
    u, d, vt = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, 1.0 if np.linalg.det(u @ vt) >= 0 else -1.0])
    R = (u * signs) @ vt
    s = float((d * signs).sum() / max((a**2).sum(), 1e-12)) if scale else 1.0
    return Similarity(s, R, target_mean - s * R @ source_mean)


def _mean(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _masked(points: Array, mask: Mask) -> Array:
    return np.where(mask[..., None], points, np.nan)


def _distance(a: Array, b: Array, mask: Mask) -> Array:
    return np.where(mask, np.linalg.norm(a - b, axis=-1), np.nan)


def mean_error(errors: Array, where: Mask | None = None) -> float:
    """Mean in millimetres of errors `[T,J]` in metres, NaN left out, over `where`."""
    return MM * _mean(errors if where is None else errors[where])


def root_aligned_errors(pred: Array, ref: Array, mask: Mask, pred_root: Array, ref_root: Array) -> Array:
    """Errors `[T,J]` in metres after moving the roots `[T,3]` onto each other (MPJPE before its mean)."""
    return _distance(pred - pred_root[:, None], ref - ref_root[:, None], mask)


def procrustes_errors(pred: Array, ref: Array, mask: Mask) -> Array:
    """Errors `[T,J]` in metres after a similarity fit of each frame (PA-MPJPE before its mean)."""
    out = np.full(mask.shape, np.nan)
    for t in np.flatnonzero(mask.sum(axis=1) >= 4):
        m = mask[t]
        out[t, m] = np.linalg.norm(align(pred[t, m], ref[t, m], scale=True)(pred[t, m]) - ref[t, m], axis=-1)
    return out


def mpjpe(pred: Array, ref: Array, mask: Mask, pred_root: Array, ref_root: Array) -> float:
    """Mean per-joint position error after aligning the roots."""
    return mean_error(root_aligned_errors(pred, ref, mask, pred_root, ref_root))


def pa_mpjpe(pred: Array, ref: Array, mask: Mask) -> float:
    """MPJPE after a similarity fit of each frame."""
    return mean_error(procrustes_errors(pred, ref, mask))


def pve(pred: Array, ref: Array, pred_root: Array, ref_root: Array) -> float:
    """Per-vertex error of meshes `[T,V,3]` after aligning the roots."""
    return mpjpe(pred, ref, np.ones(pred.shape[:2], bool), pred_root, ref_root)


def gmpjpe(pred: Array, ref: Array, mask: Mask) -> float:
    """Global MPJPE: no alignment at all (Abs-MPJPE in the camera's frame)."""
    return mean_error(_distance(pred, ref, mask))


def w_mpjpe(pred: Array, ref: Array, mask: Mask, frames: int = 1) -> float:
    """MPJPE after one rigid fit to the first `frames` frames that have eight scored joints or more: drift shows."""
    first = np.flatnonzero(mask.sum(axis=1) >= 8)[:frames]
    if len(first) == 0:
        return float("nan")
    early = np.zeros_like(mask)
    early[first] = mask[first]
    return gmpjpe(align(pred[early], ref[early], scale=False)(pred), ref, mask)


def wa_align(pred: Array, ref: Array, mask: Mask) -> Similarity:
    """The one rigid fit over all frames that WA-MPJPE uses."""
    return align(pred[mask], ref[mask], scale=False)


def wa_mpjpe(pred: Array, ref: Array, mask: Mask) -> float:
    """MPJPE after one rigid fit to all frames."""
    return gmpjpe(wa_align(pred, ref, mask)(pred), ref, mask) if mask.any() else float("nan")


def segment_errors(
    pred: Array, ref: Array, mask: Mask, *, fit_frames: int | None, scale: bool, frames: int = 100
) -> Array:
    """Errors `[T,J]` in metres, each segment of the clip fitted on its own (W- and WA-MPJPE of SLAHMR and WHAM).

    Args:
        pred, ref, mask: of the whole clip.
        fit_frames: the fit sees this many first scored frames of a segment (2 for W-MPJPE); None for all (WA-MPJPE).
        scale: the fit may scale, as in the code of both papers; without it, the size of the motion counts too.
        frames: length of a segment; the last one may be shorter.

    Returns:
        NaN where nothing is scored, or where a segment has too few joints for a fit.
    """
    out = np.full(mask.shape, np.nan)
    for start in range(0, len(pred), frames):
        part = slice(start, start + frames)
        fit = mask[part].copy()
        if fit_frames is not None:
            fit[np.flatnonzero(fit.any(axis=1))[fit_frames:]] = False
        if fit.sum() < 4:
            continue
        moved = align(pred[part][fit], ref[part][fit], scale=scale)(pred[part])
        out[part] = _distance(moved, ref[part], mask[part])
    return out


def path_length(path: Array) -> float:
    """Length in metres of a path `[T,3]`, frames without a sample left out."""
    path = path[np.isfinite(path).all(axis=-1)]
    return float(np.linalg.norm(np.diff(path, axis=0), axis=-1).sum())


def rte_mm(pred_root: Array, ref_root: Array) -> float:
    """Root trajectory error: mean distance of root paths `[T,3]` after one rigid fit, in millimetres.

    RTE in per cent is 100 times this over the reference path's length.
    """
    ok = np.isfinite(pred_root).all(axis=-1) & np.isfinite(ref_root).all(axis=-1)
    if ok.sum() < 3:
        return float("nan")
    fitted = align(pred_root[ok], ref_root[ok], scale=False)(pred_root[ok])
    return mean_error(np.linalg.norm(fitted - ref_root[ok], axis=-1))


def acceleration(points: Array, fps: float) -> Array:
    """Second differences `[T-2,...,3]` in m/s^2."""
    return (points[2:] - 2 * points[1:-1] + points[:-2]) * fps**2


def accel(
    pred: Array, ref: Array, pred_mask: Mask, ref_mask: Mask, fps: float, pred_root: Array, ref_root: Array
) -> float:
    """Mean difference of accelerations relative to the root."""
    a = acceleration(_masked(pred, pred_mask) - pred_root[:, None], fps)
    return _mean(np.linalg.norm(a - acceleration(_masked(ref, ref_mask) - ref_root[:, None], fps), axis=-1))


def g_accel(pred: Array, ref: Array, pred_mask: Mask, ref_mask: Mask, fps: float) -> float:
    """Mean difference of accelerations as they are (align the axes first)."""
    a, b = acceleration(_masked(pred, pred_mask), fps), acceleration(_masked(ref, ref_mask), fps)
    return _mean(np.linalg.norm(a - b, axis=-1))


def jitter(points: Array, mask: Mask, fps: float) -> float:
    """Mean length of third differences, in 10 m/s^3."""
    x = _masked(points, mask)
    return _mean(np.linalg.norm(x[3:] - 3 * x[2:-1] + 3 * x[1:-2] - x[:-3], axis=-1)) * fps**3 / 10


def standing(reference: Array, height: Array, fps: float) -> Mask:
    """Steps `[T-1]` in which a reference foot point `[T,3]` stands: below 0.25 m/s, within 5 cm of its lowest 5 %."""
    speed = np.linalg.norm(np.diff(reference, axis=0), axis=-1) * fps
    low = height < np.nanpercentile(height, 5) + 0.05
    return (speed < 0.25) & low[1:] & low[:-1]


def slides(pred: Array, ref: Array, speed: float, fps: float) -> Array:
    """Steps `[n]` in millimetres of predicted foot points `[T,F,3]` while the reference's move slower than `speed`.

    MoRo takes 0.3 m/s at 30 frames a second, WHAM 1 cm a frame: the same at that rate. Steps are those between two
    frames; NaN in either leaves a step out.
    """
    with np.errstate(invalid="ignore"):
        stands = np.linalg.norm(np.diff(ref, axis=0), axis=-1) * fps < speed
    steps = np.linalg.norm(np.diff(pred, axis=0), axis=-1)[stands]
    return steps[np.isfinite(steps)] * MM


def skating(joints: Array, fps: float, floor: float = 0.0) -> Mask:
    """Frames `[T-1]` in which both feet of body joints `[T,22,3]` (y up) slide: ankles and toes low, and over 0.1 m/s
    fast along the floor (MoRo's measure where there is no reference).
    """
    feet = joints[:, _ANKLES_AND_TOES]
    speed = np.linalg.norm(np.diff(feet, axis=0)[..., (0, 2)], axis=-1) * fps
    return ((speed > _SKATING_SPEED) & (feet[:-1, :, 1] - floor < _LOW)).all(axis=-1)


def penetration(joints: Array, floor: float = 0.0) -> tuple[Array, Array]:
    """Depth `[T]` in millimetres of the toes of body joints `[T,22,3]` (y up) under the floor, 0 above it, and the
    share `[T]` in per cent of toes over 5 cm deep.
    """
    height = joints[:, _TOES, 1] - floor
    return np.minimum(height, 0).mean(axis=-1) * -MM, (height < _DEEP).mean(axis=-1) * 100


def foot_sliding(feet: list[Array], stands: list[Mask], fps: float) -> float:
    """Mean step of foot points `[T,3]` where they should stand, in mm per 1/30 s."""
    steps = [np.linalg.norm(np.diff(foot, axis=0), axis=-1)[stand] for foot, stand in zip(feet, stands, strict=True)]
    return _mean(np.concatenate(steps)) * fps / 30 * MM if steps else float("nan")
