"""The shots stage: where the clip is cut or cross-faded."""

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from ...records.context import StageContext
from ...records.video import Shots, Video
from ..frames.read import read_frames
from .cuts import Small, is_cut, is_same_scene, structure
from .fades import HALF_LENGTHS_S, Fade, find_fade
from .settings import ShotSettings

_SIDE = 240  # pixels: enough to see a person, small enough to cost next to nothing
_NEIGHBOURS = 4  # frames on each side of a possible cut
_PROGRESS_EVERY = 32


def find_shots(video: Video, settings: ShotSettings, ctx: StageContext) -> Shots:
    """Cuts a clip into shots.

    Args:
        video: the clip.
        settings: what to look for.
        ctx: progress.

    Returns:
        The shots. A cross-fade belongs to the shot before it up to its middle, and to the next from there.

    Raises:
        RecoverError: `BAD_INPUT` when the clip cannot be read any more.
        Cancelled: from `ctx.progress`.
    """
    count = len(video)
    blended = np.zeros(count, bool)
    if not settings.detect or count < 2:
        return Shots(np.zeros(count, np.int64), blended)
    watcher = _Watcher(count, video.fps, round(settings.shortest_s * video.fps))
    for done, (frame, picture) in enumerate(read_frames(video, max_side=_SIDE), 1):
        watcher.see(frame, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        if done % _PROGRESS_EVERY == 0:
            ctx.progress(frame / count, done)
    starts, fades = watcher.finish()
    for fade in fades:
        blended[fade.first : fade.last + 1] = True
    shot_id = np.zeros(count, np.int64)
    shot_id[starts] = 1
    ctx.progress(1.0, count)
    return Shots(np.cumsum(shot_id), blended)


class _Watcher:
    """Sees the clip's small pictures one by one and remembers a few seconds of them."""

    def __init__(self, count: int, fps: float, shortest: int) -> None:
        self._fps = fps
        self._shortest = max(1, shortest)
        self._stride = max(1, round(fps / 30))  # a fade lasts several frames at any rate
        self._reach = max(3, round(2 * max(HALF_LENGTHS_S) * fps))
        self._greys: deque[tuple[int, NDArray[np.uint8]]] = deque(maxlen=2 * self._reach + 1)
        self._details: deque[tuple[int, Small]] = deque(maxlen=2 * _NEIGHBOURS)
        self._cuts: list[tuple[int, Small, Small]] = []
        self._fades: list[Fade] = []
        self._count = count

    def see(self, frame: int, grey: NDArray[np.uint8]) -> None:
        """The next picture."""
        self._greys.append((frame, grey))
        self._details.append((frame, structure(grey)))
        if len(self._details) == self._details.maxlen:
            self._check_cut(_NEIGHBOURS)
        elif len(self._details) > _NEIGHBOURS:
            self._check_cut(len(self._details) - _NEIGHBOURS)
        if len(self._greys) > self._reach:
            self._check_fade(len(self._greys) - 1 - self._reach)

    def finish(self) -> tuple[list[int], list[Fade]]:
        """First frames of all shots but the first, and the cross-fades."""
        for place in range(max(1, len(self._details) - _NEIGHBOURS + 1), len(self._details)):
            self._check_cut(place)
        for centre in range(max(0, len(self._greys) - self._reach), len(self._greys)):
            self._check_fade(centre)
        fades = _joined(self._fades)
        cuts = [cut for cut in self._without_flashes() if not any(f.first - 1 <= cut <= f.last + 1 for f in fades)]
        starts = sorted([*cuts, *((fade.first + fade.last + 1) // 2 for fade in fades)])
        kept = [start for start, previous in zip(starts, [-self._count, *starts], strict=False) if start - previous > 1]
        return kept, fades

    def _check_cut(self, place: int) -> None:
        frames, details = zip(*self._details, strict=True)
        before, after = list(details[max(0, place - _NEIGHBOURS) : place]), list(details[place : place + _NEIGHBOURS])
        if is_cut(before, after):
            self._cuts.append((frames[place], before[-1], after[0]))

    def _check_fade(self, centre: int) -> None:
        frames, greys = zip(*self._greys, strict=True)
        if frames[centre] % self._stride:
            return
        fade = find_fade(greys, centre, self._fps)
        if fade:
            self._fades.append(Fade(frames[fade.first], frames[fade.last]))

    def _without_flashes(self) -> list[int]:
        """The cuts, without pairs close together after which the old scene is back."""
        kept, index = [], 0
        while index < len(self._cuts):
            frame, before, _ = self._cuts[index]
            following = self._cuts[index + 1] if index + 1 < len(self._cuts) else None
            if following and following[0] - frame <= self._shortest and is_same_scene(before, following[2]):
                index += 2
                continue
            kept.append(frame)
            index += 1
        return kept


def _joined(fades: list[Fade]) -> list[Fade]:
    """The fades in order of time, those that overlap or touch made one: each saw a part of it."""
    joined: list[Fade] = []
    for fade in sorted(fades, key=lambda fade: fade.first):
        if joined and fade.first <= joined[-1].last + 1:
            joined[-1] = Fade(joined[-1].first, max(joined[-1].last, fade.last))
        else:
            joined.append(fade)
    return joined
