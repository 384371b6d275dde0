"""Points of the picture that were followed from frame to frame: what a moving camera is told from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Background:
    """Points of key frames, and where they are seen in other frames.

    People are not left out here: whoever uses the points knows where people are. All places are in pixels of the
    upright frame, (0, 0) its corner.

    Attributes:
        key_frame: int64 `[P]`, the clip frame in which each point was picked.
        key_place: float32 `[P,2]`, where it was there.
        link_key: int64 `[L]`, a key frame; link_frame: int64 `[L]`, a later frame of the same shot that was compared
            with it, in order of time. A frame may have several links.
        link_start: int64 `[L+1]`, rows of `point` and `place` that belong to each link.
        point: int32 `[S]`, index of a point; place: float32 `[S,2]`, where it is in the link's frame.
        scale: pixels of the frame in a pixel of the picture in which points were followed.
    """

    key_frame: NDArray[np.int64]
    key_place: NDArray[np.float32]
    link_key: NDArray[np.int64]
    link_frame: NDArray[np.int64]
    link_start: NDArray[np.int64]
    point: NDArray[np.int32]
    place: NDArray[np.float32]
    scale: float
