"""Longer clips made from the sample, played forwards and backwards in turn so that nothing is cut."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SAMPLE = Path(__file__).resolve().parents[1] / "sample" / "sample.mp4"


def write_looped(path: Path, frames: int, *, every: int = 1, side: int = 1280, source: Path = SAMPLE) -> None:
    """Write a clip of some length.

    Args:
        path: an mp4 file.
        frames: pictures in it.
        every: keep each so-manieth picture of the source, and its rate divided by that.
        side: longer side in pixels.
        source: the clip to repeat.
    """
    with av.open(str(source)) as file:
        rate = Fraction(file.streams.video[0].average_rate) / every
        pictures = list(islice(_scaled(file, side), 0, None, every))
    height, width = pictures[0].shape[:2]
    there_and_back = pictures + pictures[-2:0:-1]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "20", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in islice(cycle(there_and_back), frames):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())


def _scaled(file: av.container.InputContainer, side: int) -> Iterator[NDArray[np.uint8]]:
    for frame in file.decode(video=0):
        scale = min(1.0, side / max(frame.width, frame.height))
        width, height = (2 * round(size * scale / 2) for size in (frame.width, frame.height))
        yield frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
