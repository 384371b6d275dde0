"""Settings of the frames stage: which part of the clip is used."""

from dataclasses import dataclass

VERSION = 1


@dataclass(frozen=True)
class FrameSettings:
    """Which frames of the file to use.

    Attributes:
        start_s: first instant, seconds from the file's first frame; None for the beginning.
        end_s: first instant after the range, seconds; None for the end.
        stream: which picture track of a file that has several, counted from 0.
        image_fps: frames per second of an image sequence, which states none itself.
    """

    start_s: float | None = None
    end_s: float | None = None
    stream: int = 0
    image_fps: float = 30.0
