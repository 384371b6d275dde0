"""The file frames that a strip shows, kept beside the result, and the keys that follow from them.

Kept in a file, so that cleaning again later puts its keys where the first ones lie, whatever became of the strip.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..core.timing import KeyTimes, as_shown, real_time

FILE_NAME: Final = "timeline.npz"


@dataclass(frozen=True)
class Timeline:
    """When a strip shows what.

    Attributes:
        first_scene_frame: scene frame of `shown[0]`.
        shown: int64 `[S]`, the file frame shown at each scene frame, at the file's nominal rate.
        fps: that rate.
        scene_fps: the scene's frames a second.
        real_time: keys follow the recording's pace and not the strip.
    """

    first_scene_frame: int
    shown: NDArray[np.int64]
    fps: float
    scene_fps: float
    real_time: bool

    def save(self, folder: Path) -> None:
        """Write `FILE_NAME` into `folder`.

        Raises:
            OSError: it cannot be written.
        """
        content = io.BytesIO()
        np.savez_compressed(content, **vars(self))
        (folder / FILE_NAME).write_bytes(content.getvalue())

    @classmethod
    def load(cls, folder: Path) -> "Timeline":
        """Read it back.

        Raises:
            one of `result_format.UNREADABLE`, KeyError or TypeError: it is absent or damaged.
        """
        with np.load(folder / FILE_NAME, allow_pickle=False) as file:
            return cls(
                int(file["first_scene_frame"]),
                file["shown"].astype(np.int64),
                float(file["fps"]),
                float(file["scene_fps"]),
                bool(file["real_time"]),
            )

    def key_times(self, time_s: NDArray[np.float64], frame_index: NDArray[np.int64]) -> KeyTimes:
        """Where the keys of a result go.

        Args:
            time_s: `[T]`, seconds from the file's first frame.
            frame_index: int `[T]`, the file frame of each clip frame, as the backend counts.
        """
        if self.real_time:
            begin = min(self.shown[0], self.shown[-1]) / self.fps  # a reversed strip starts at its end
            return real_time(time_s, self.scene_fps, self.first_scene_frame + (time_s[0] - begin) * self.scene_fps)
        clip = self._clip_frames(time_s)
        shown = np.where(clip >= 0, frame_index[np.maximum(clip, 0)], -1)
        return as_shown(shown, self.first_scene_frame, frame_index)

    def _clip_frames(self, time_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """The clip frame `[S]` at each scene frame, -1 outside the clip.

        Blender counts a movie's frames at its nominal rate even where the rate varies, so by time: it shows the last
        frame that has begun by then.
        """
        slack = 1e-3  # files round their time stamps, to a millisecond or finer
        seconds = self.shown / self.fps
        clip = np.searchsorted(time_s, seconds + slack, side="right") - 1
        beyond = seconds > time_s[-1] + 1.5 / self.fps
        return np.where(beyond, -1, clip)
