"""Which scene frame shows which clip frame.

A strip shows the file's frames in some order on whole scene frames, after trims, retiming and reverse. Keys lie
where the strip shows each frame (`as_shown`); or, as an option, at the clip's own pace whatever the strip does
(`real_time`). A clip frame that the strip skips gets a key between its neighbours, so no motion is lost.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_SKIPPED: Final = 32
"""More clip frames than this between two scene frames are a jump of the strip, not its pace: they get no keys."""


@dataclass(frozen=True)
class KeyTimes:
    """Where keys go, in rising scene time.

    Attributes:
        scene_frame: float64 `[M]`, strictly rising; whole numbers wherever the strip decides.
        clip_frame: int64 `[M]`, index into the clip's arrays of the pose to be shown there.
        held: bool `[M]`, the strip stands still from this key to the next.
    """

    scene_frame: NDArray[np.float64]
    clip_frame: NDArray[np.int64]
    held: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.scene_frame)

    def select(self, keep: NDArray[np.bool_]) -> "KeyTimes":
        """The keys in `keep` `[M]`; a key before one that was dropped is held until the next that was not."""
        position = np.flatnonzero(keep)
        gap = np.diff(position, append=position[-1:] + 1) > 1
        return KeyTimes(self.scene_frame[position], self.clip_frame[position], self.held[position] | gap)


def real_time(time_s: ArrayLike, scene_fps: float, first_scene_frame: float) -> KeyTimes:
    """Keys at the clip's own pace: clip frame 0 at `first_scene_frame`, the others by their time stamps.

    Args:
        time_s: `[T]`, strictly rising time stamps in seconds.
        scene_fps: the scene's frames per second (fps / fps_base).
        first_scene_frame: where clip frame 0 is shown.
    """
    time_s = np.asarray(time_s, dtype=np.float64)
    frames = first_scene_frame + (time_s - time_s[:1]) * scene_fps
    return KeyTimes(frames, np.arange(len(time_s)), np.zeros(len(time_s), dtype=bool))


def as_shown(shown: ArrayLike, first_scene_frame: int, frame_index: ArrayLike) -> KeyTimes:
    """Keys on the scene frames where the strip shows each clip frame.

    Args:
        shown: int `[S]`, the file frame that the strip shows at scene frame `first_scene_frame + s`; frames that are
            not in the clip are left out.
        first_scene_frame: scene frame of `shown[0]`.
        frame_index: int `[T]`, strictly rising: the file frame of each clip frame.
    """
    shown = np.asarray(shown, dtype=np.int64)
    frame_index = np.asarray(frame_index, dtype=np.int64)
    starts = np.flatnonzero(np.diff(shown, prepend=shown[:1] - 1))
    if len(frame_index) == 0 or len(starts) == 0:
        return KeyTimes(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool))
    lengths = np.diff(starts, append=len(shown))
    freeze = _freezes(lengths)
    scene: list[float] = []
    clip: list[int] = []
    held: list[bool] = []

    def add(scene_frame: float, clip_frame: int, still: bool = False) -> None:
        scene.append(scene_frame)
        clip.append(clip_frame)
        held.append(still)

    where = np.searchsorted(frame_index, shown[starts])
    known = (where < len(frame_index)) & (frame_index[np.minimum(where, len(frame_index) - 1)] == shown[starts])
    for run, start in enumerate(starts):
        if not known[run]:
            continue
        frame = first_scene_frame + int(start)
        add(frame, int(where[run]), bool(freeze[run]))
        if freeze[run]:
            frame += int(lengths[run]) - 1
            add(frame, int(where[run]))
        if run + 1 < len(starts) and known[run + 1]:
            step = 1 if where[run + 1] > where[run] else -1
            skipped = np.arange(where[run] + step, where[run + 1], step)
            following = first_scene_frame + int(starts[run + 1])
            if len(skipped) > MAX_SKIPPED:
                held[-1] = True
                continue
            for n, between in enumerate(skipped, start=1):
                add(frame + (following - frame) * n / (len(skipped) + 1), int(between))
    return KeyTimes(np.array(scene), np.array(clip, dtype=np.int64), np.array(held))


def _freezes(lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Runs that stand out as a freeze frame, against a strip that is slow all along; `lengths` `[N]` in frames."""
    before = np.concatenate([lengths[:1], lengths[:-1]])
    after = np.concatenate([lengths[1:], lengths[-1:]])
    before[0], after[-1] = after[0], before[-1]
    return lengths > 2 * np.maximum(np.minimum(before, after), 1)


def movie_frames(times: KeyTimes, time_s: ArrayLike, movie_fps: float, scene_frames: ArrayLike) -> NDArray[np.int64]:
    """The frame of the movie, counted from 1, to show behind the scene at each of `scene_frames` `[S]`.

    It is the frame of the nearest key, so the background never strays from the body by more than half a frame of
    the video. Blender counts a movie's frames at its nominal rate even where the rate varies: so by time.

    Args:
        times: at least one key.
        time_s: `[T]`, time stamps of the clip frames, the file's first frame at 0.
        movie_fps: nominal frames per second of the file.
        scene_frames: `[S]`, whole scene frames.
    """
    scene_frames = np.asarray(scene_frames, dtype=np.float64)
    middle = 0.5 * (times.scene_frame[1:] + times.scene_frame[:-1])
    nearest = np.searchsorted(middle, scene_frames, side="left")
    seconds = np.asarray(time_s, dtype=np.float64)[times.clip_frame[nearest]]
    return np.ceil(seconds * movie_fps - 0.01).astype(np.int64) + 1
