"""The camera stage: intrinsics from the user, the file's metadata, the people, or a stated guess."""

import numpy as np
from numpy.typing import NDArray

from ...records.camera import Camera
from ...records.context import StageContext
from ...records.people import PersonTrack
from ...records.video import Shots, Video
from .focal import combined, from_people
from .settings import CameraSettings

_PLAUSIBLE = (0.35, 4.0)
"""Range of focal lengths, in image diagonals, that an estimate from people is believed in."""


def estimate_camera(
    video: Video, shots: Shots, tracks: list[PersonTrack], settings: CameraSettings, ctx: StageContext
) -> Camera:
    """Find the intrinsics of each shot.

    In this order: the user's matrix or focal length; the file's metadata; people who walk in depth, where that is
    conclusive (`focal`); else a guess from the image's diagonal, which is noted. The principal point is the
    centre of the image unless the user gives a matrix.

    Args:
        video: T clip frames.
        shots: one camera each.
        tracks: everybody who was followed.
        settings: what the user knows.
        ctx: progress, notes.
    """
    count, size = len(video.time_s), np.array(video.size_wh, np.float64)
    diagonal = float(np.hypot(*size))
    K = np.zeros((count, 3, 3))
    sources = []
    for shot in range(shots.count):
        frames = shots.frames(shot)
        where = f" of shot {shot + 1}" if shots.count > 1 else ""
        own = [track for track in tracks if track.shot == shot]
        matrix, source, sentence = _shot_matrix(video, own, settings, size, diagonal)
        K[frames] = matrix
        sources.append(source)
        if sentence:
            ctx.note(sentence.format(where=where))
        ctx.progress((shot + 1) / shots.count, int(frames[-1]) + 1)
    dist = np.zeros(5)
    if settings.dist is not None:
        dist[: len(settings.dist)] = settings.dist
    return Camera(K, dist, tuple(sources))


def _shot_matrix(
    video: Video, tracks: list[PersonTrack], settings: CameraSettings, size: NDArray[np.float64], diagonal: float
) -> tuple[NDArray[np.float64], str, str]:
    """Matrix, source, and a sentence for the user ("" where there is nothing to say)."""
    if settings.K is not None:
        return np.array(settings.K, np.float64), "user", ""
    if settings.focal_px is not None:
        return pinhole(settings.focal_px, size), "user", ""
    if video.focal_px > 0:
        return pinhole(video.focal_px, size), "metadata", ""
    fallback = settings.fallback_share * diagonal
    evidence = from_people(tracks, video.time_s, 0.5 * size, fallback) if settings.from_people else None
    if evidence is not None and evidence.conclusive:
        focal = combined(evidence, fallback)
        if _PLAUSIBLE[0] < evidence.focal_px / diagonal < _PLAUSIBLE[1]:
            sentence = f"The focal length{{where}} was estimated from people walking: {focal:.0f} pixels."
            return pinhole(focal, size), "people", sentence
    sentence = (
        f"The focal length{{where}} is not known and is taken as {fallback:.0f} pixels "
        f"({settings.fallback_share:g} image diagonals, a lens of medium width). "
        "Distances grow with it; give the true one if you know it."
    )
    return pinhole(fallback, size), "fallback", sentence


def pinhole(focal_px: float, size_wh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pinhole matrix `[3,3]` with square pixels and the principal point at the image's centre."""
    return np.array([[focal_px, 0, size_wh[0] / 2], [0, focal_px, size_wh[1] / 2], [0, 0, 1]], np.float64)
