"""Whether a shot's camera moves, and how: its turning and its zoom, from the background."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.spatial.transform import Rotation, Slerp

from ...geometry.projection import undistort
from ...records.background import Background
from ...records.people import PersonTrack
from ...records.video import Video
from .matches import Matches, match_background
from .rotation import Turning, solve_rotation

Array = NDArray[np.float64]

STILL_PX: Final = 1.2
"""Pixels of a picture of about 480 by which the background of a camera at rest may seem to move (0.15 degrees)."""
MIN_COVERAGE: Final = 0.7
"""Share of a shot's frames whose background must tell where the camera looks."""
ZOOM: Final = 0.015
"""Change of the focal length, as a share, that is taken for a zoom, where it halves the errors and explains them:"""
_FITS_PX, _GAIN = 0.8, 0.6
_CARRIED_PX: Final = 0.6
_AGREE: Final = 0.6
"""Typical error, and share of points that agree, of a camera that only turns; worse is one that is carried about."""


@dataclass(frozen=True)
class CameraMotion:
    """How the camera of a shot of T frames moves.

    Attributes:
        turn: `[T,3,3]`, from each frame's axes to those of the shot's first frame.
        zoom: `[T]`, factor on the focal length of the shot's first frame; ones where there is no zoom.
        focal: factor on the focal length that was assumed for the shot's first frame.
        focal_sigma: standard deviation of its logarithm.
        carried: the camera seems not only to turn, but to be carried through the room.
    """

    turn: Array
    zoom: Array
    focal: float
    focal_sigma: float
    carried: bool


@dataclass(frozen=True)
class BackgroundEvidence:
    """What the background of a shot can tell.

    Attributes:
        matches: those that tell something.
        coverage: share of the shot's frames that they tell of.
        moved_px: how far the background comes from where it was, pixels of the small picture; short bumps left out.
    """

    matches: Matches
    coverage: float
    moved_px: float


def background_evidence(
    background: Background, frames: NDArray[np.int64], tracks: Sequence[PersonTrack], size_wh: tuple[int, int]
) -> BackgroundEvidence:
    """What the background of a shot says of its camera.

    Args:
        background: of the clip.
        frames: of the shot, contiguous.
        tracks: everybody who was followed in it.
        size_wh: of the upright frame.
    """
    matches = match_background(background, frames, tracks, size_wh)
    matches = matches.select(matches.sufficient)
    if not len(matches.key):
        return BackgroundEvidence(matches, 0.0, 0.0)
    coverage = len(np.unique(np.concatenate([matches.key, matches.frame]))) / len(frames)
    shift = np.linalg.norm(matches.after - matches.before, axis=-1)
    far = np.nanquantile(np.where(matches.weight > 0, shift, np.nan), 0.75, axis=1) / matches.scale
    # What key frames are away from the first adds up.
    away: dict[int, float] = {}
    total = np.zeros(len(far))
    for i, (key, frame) in enumerate(zip(matches.key.tolist(), matches.frame.tolist(), strict=True)):
        total[i] = far[i] + away.get(key, 0.0)
        away[frame] = min(total[i], away.get(frame, np.inf))
    return BackgroundEvidence(matches, coverage, float(median_filter(total, 3, mode="nearest").max()))


def find_motion(
    evidence: BackgroundEvidence, video: Video, frames: NDArray[np.int64], K: Array, dist: Array, focal_sigma: float
) -> CameraMotion:
    """Turning and zoom of a camera that moves.

    Args:
        evidence: of the shot; its matches tell of two frames at least.
        video: gives the time stamp of each frame.
        frames: of the shot, contiguous.
        K: `[3,3]`, pinhole matrix of the first frame as far as it is known; dist: `[5]`, OpenCV's.
        focal_sigma: standard deviation of the logarithm of its focal length.
    """
    matches = _straightened(evidence.matches, K, dist)
    best = solve_rotation(matches, K, focal_sigma, zoom=False)
    if (misfit := _typical(best)) > 0.3:
        zoomed = solve_rotation(matches, K, focal_sigma, zoom=True)
        change = np.ptp(np.quantile(zoomed.zoom, [0.02, 0.98]))
        if change > ZOOM and _typical(zoomed) < min(_FITS_PX, _GAIN * misfit):
            best = zoomed
    agree = float(np.median(matches.agree))
    carried = float(np.median(best.misfit_px)) > _CARRIED_PX or agree < _AGREE
    time_s = video.time_s[frames]
    told = video.time_s[best.frames]
    inside = np.clip(time_s, told[0], told[-1])
    turn = Slerp(told, Rotation.from_matrix(best.turn))(inside).as_matrix()
    zoom = np.exp(np.interp(inside, told, best.zoom))
    return CameraMotion(
        turn[0].T @ turn, zoom / zoom[0], float(np.exp(best.focal)) * zoom[0], best.focal_sigma, carried
    )


def _typical(turning: Turning) -> float:
    """The error that nine of ten pairs stay below."""
    return float(np.quantile(turning.misfit_px, 0.9))


def _straightened(matches: Matches, K: Array, dist: Array) -> Matches:
    if not np.any(dist):
        return matches
    every = np.tile(K, (len(matches.key), 1, 1))
    places = (undistort(at, every, dist) @ K[:2, :2].T + K[:2, 2] for at in (matches.before, matches.after))
    return Matches(matches.key, matches.frame, *places, matches.weight, matches.agree, matches.scale)
