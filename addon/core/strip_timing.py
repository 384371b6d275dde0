"""Which file frame a strip of the Sequencer shows at each scene frame, from the strip's numbers. Numpy only.

The formula is Blender's own (checked against frames that it renders, in the tests): from the scene frame to a place in
the strip's content, reversed or not, times the playback rate, through the retiming keys, rounded, plus the offset of
what was cut from the file's start.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StripTiming:
    """A strip's timing.

    Attributes:
        first, stop: scene frames it covers, `stop` exclusive.
        content_start: scene frame of its content's start; may lie before `first`, and between frames.
        content_end: scene frame after its content's last, as Blender counts it.
        length: number of file frames in its content, after both animation offsets.
        offset: file frames cut from the file's start.
        rate: file frames a scene frame, before retiming (a 60 fps movie in a 24 fps scene may play at 2.5).
        reverse: plays backwards.
        retiming: float64 `[R,2]`, place in the content in scene frames times rate, and place in the file frames of
            the content that is shown there; both rising or level. Empty when the strip is not retimed.
        strobe: shows only every n-th frame.
    """

    first: int
    stop: int
    content_start: float
    content_end: float
    length: int
    offset: int
    rate: float
    reverse: bool
    retiming: NDArray[np.float64]
    strobe: float = 1.0


def shown_frames(timing: StripTiming) -> NDArray[np.int64]:
    """The file frame shown at each scene frame from `first` to `stop` - 1: int64 `[S]`, counted from 0.

    Before its content a strip holds the first frame, and after it the last.
    """
    scene = np.arange(timing.first, timing.stop, dtype=np.float64)
    place = (timing.content_end - 1 - scene) if timing.reverse else (scene - timing.content_start)
    place = np.maximum(place, 0.0) * timing.rate
    if len(timing.retiming):
        place = np.interp(place, timing.retiming[:, 0], timing.retiming[:, 1])
    place = np.clip(place, 0.0, timing.length - 1)
    if timing.strobe > 1.0:
        place = place - np.fmod(place, timing.strobe)
    return np.floor(place + 0.5).astype(np.int64) + timing.offset
