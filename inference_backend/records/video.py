"""Records about the clip: what was decoded, and where its shots are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Video:
    """A clip: the frames of a video file or image sequence inside the chosen range.

    Everything downstream counts in *clip frames*, 0..T-1; `frame_index` leads back to the file.

    Attributes:
        path: the video file, or the first image of a sequence.
        fps: nominal frames per second.
        size_wh: width and height in pixels of the upright frame (rotation metadata applied).
        time_s: float64 `[T]`, presentation time of each frame in seconds, first frame of the *file* at 0.
        frame_index: int64 `[T]`, position of each clip frame in the file.
        variable_rate: the time stamps are not evenly spaced.
        images: for an image sequence, its T files in order; otherwise empty.
        focal_px: focal length in pixels that the file's metadata states, or 0.
        stream: which of a file's picture tracks this is.
        notes: sentences about the file that the person should read (it is cut off, say).
    """

    path: Path
    fps: float
    size_wh: tuple[int, int]
    time_s: NDArray[np.float64]
    frame_index: NDArray[np.int64]
    variable_rate: bool = False
    images: tuple[Path, ...] = ()
    focal_px: float = 0.0
    stream: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.time_s)


@dataclass(frozen=True)
class Shots:
    """Which shot each clip frame belongs to.

    Attributes:
        shot_id: int64 `[T]`, 0, 1, ... rising in time; every frame belongs to one shot.
        blended: bool `[T]`, True in a cross-fade, where two shots show at once.
    """

    shot_id: NDArray[np.int64]
    blended: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """Number of shots."""
        return int(self.shot_id[-1]) + 1 if len(self.shot_id) else 0

    def frames(self, shot: int) -> NDArray[np.int64]:
        """Clip frames of a shot, contiguous."""
        return np.flatnonzero(self.shot_id == shot)
