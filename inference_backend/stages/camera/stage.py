"""The camera stage: intrinsics from the user, the file's metadata, the people, or a stated guess; and how it turns."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...records.background import Background
from ...records.camera import Camera
from ...records.context import StageContext
from ...records.people import PersonTrack
from ...records.video import Shots, Video
from .focal import PRIOR_SIGMA, combined, from_people
from .motion import MIN_COVERAGE, STILL_PX, BackgroundEvidence, background_evidence, find_motion
from .settings import CameraSettings

_PLAUSIBLE = (0.35, 4.0)
"""Range of focal lengths, in image diagonals, that an estimate from people is believed in."""
_KNOWN: Final = 1e-4
"""Standard deviation of the logarithm of a focal length that was given."""
_CONCLUSIVE: Final = 0.1
"""The same, below which the camera's turning has told the focal length."""
_UNTOLD: Final = (
    "The background{where} shows too little to tell whether the camera moves, so it is taken as standing still. If it "
    "moves, people's paths are wrong by its motion."
)
_CARRIED: Final = (
    "The camera{where} is carried through the room. Its turning is known; its path, and with it people's, follows from "
    "how people step."
)


@dataclass(frozen=True)
class _ShotCamera:
    """Matrices `[T,3,3]` of a shot (or one `[3,3]` for all), where its focal length is from, turns, and sentences."""

    K: NDArray[np.float64]
    source: str
    motion: str
    turn: NDArray[np.float64] | None
    notes: tuple[str, ...]


def estimate_camera(
    video: Video,
    shots: Shots,
    tracks: list[PersonTrack],
    settings: CameraSettings,
    ctx: StageContext,
    background: Background | None = None,
) -> Camera:
    """Find the intrinsics of each shot, and how its camera turns and zooms.

    The focal length in this order: the user's matrix or focal length; the file's metadata; people who walk in depth
    before a still camera, where that is conclusive (`focal`), or the turning of a moving one (`rotation`); else a guess
    from the image's diagonal, which is noted. What is known or guessed holds for the shot's first frame. The principal
    point is the centre of the image unless the user gives a matrix.

    Args:
        video: T clip frames.
        shots: one camera each.
        tracks: everybody who was followed.
        settings: what the user knows.
        ctx: progress, notes.
        background: points of it that were followed; None takes every camera as standing still.
    """
    count = len(video.time_s)
    K, turn = np.zeros((count, 3, 3)), np.tile(np.eye(3), (count, 1, 1))
    cameras = []
    dist = np.zeros(5)
    if settings.dist is not None:
        dist[: len(settings.dist)] = settings.dist
    for shot in range(shots.count):
        frames = shots.frames(shot)
        where = f" of shot {shot + 1}" if shots.count > 1 else ""
        own = [track for track in tracks if track.shot == shot]
        camera = _shot_camera(video, frames, own, settings, dist, background)
        cameras.append(camera)
        K[frames] = camera.K
        if camera.turn is not None:
            turn[frames] = camera.turn
        for sentence in camera.notes:
            ctx.note(sentence.format(where=where))
        ctx.progress((shot + 1) / shots.count, int(frames[-1]) + 1)
    moves = any(camera.turn is not None for camera in cameras)
    sources, motions = (tuple(getattr(camera, name) for camera in cameras) for name in ("source", "motion"))
    return Camera(K, dist, sources, turn if moves else None, motions)


def _shot_camera(
    video: Video,
    frames: NDArray[np.int64],
    tracks: list[PersonTrack],
    settings: CameraSettings,
    dist: NDArray[np.float64],
    background: Background | None,
) -> _ShotCamera:
    evidence, motion = _what_it_does(video, frames, tracks, settings, background)
    untold = (_UNTOLD,) if motion == "unknown" else ()
    size = np.array(video.size_wh, np.float64)
    if evidence is None:
        K, source, sentence = _shot_matrix(video, tracks, settings, size)
        return _ShotCamera(K, source, motion, None, (*filter(None, (sentence,)), *untold))
    # People walk relative to a camera that moves itself: they tell nothing of its lens.
    K, source, sentence = _shot_matrix(video, [], settings, size)
    sigma = PRIOR_SIGMA if source == "fallback" else _KNOWN
    found = find_motion(evidence, video, frames, K, dist, sigma)
    if source == "fallback":
        focal = K[0, 0] * found.focal
        sure = found.focal_sigma < _CONCLUSIVE and not found.carried
        if sure and _PLAUSIBLE[0] < focal / float(np.hypot(*size)) < _PLAUSIBLE[1]:
            K, source = pinhole(focal, size), "turning"
            sentence = f"The focal length{{where}} was estimated from how the camera turns: {focal:.0f} pixels."
        else:
            found = find_motion(evidence, video, frames, K, dist, _KNOWN)
    every = np.tile(K, (len(frames), 1, 1))
    every[:, :2, :2] *= found.zoom[:, None, None]
    carried = found.carried or settings.motion == "carried"
    notes = (*filter(None, (sentence,)), *((_CARRIED,) if carried else ()))
    return _ShotCamera(every, source, "carried" if carried else "turning", found.turn, notes)


def _what_it_does(
    video: Video,
    frames: NDArray[np.int64],
    tracks: list[PersonTrack],
    settings: CameraSettings,
    background: Background | None,
) -> tuple[BackgroundEvidence | None, str]:
    """What tells how a camera moves, None for one that does not; and what it does, of `records.camera.MOTIONS`."""
    if background is None or settings.motion == "static" or len(frames) < 2:
        return None, "still"
    evidence = background_evidence(background, frames, tracks, video.size_wh)
    if evidence.coverage < MIN_COVERAGE:
        return None, "unknown"
    if settings.motion == "auto" and evidence.moved_px < STILL_PX:
        return None, "still"
    return evidence, "turning"


def _shot_matrix(
    video: Video, tracks: list[PersonTrack], settings: CameraSettings, size: NDArray[np.float64]
) -> tuple[NDArray[np.float64], str, str]:
    """Matrix, source, and a sentence for the user ("" where there is nothing to say)."""
    diagonal = float(np.hypot(*size))
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
