"""Small clips: the grey level of a frame tells its number."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

_STEP = 7


class Clips:
    """Writes numbered pictures and reads their numbers back.

    Args:
        folder: where clips go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def picture(number: int, width: int = 64, height: int = 48) -> np.ndarray:
        """A grey picture whose level is 20 + 7 * number, with a white bar along its upper edge."""
        picture = np.full((height, width, 3), 20 + _STEP * number, np.uint8)
        picture[: height // 6] = 255
        return picture

    @staticmethod
    def number(picture: np.ndarray) -> int:
        """The number of the frame that a picture shows."""
        height, width = picture.shape[:2]
        middle = picture[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5]
        return round((float(middle.mean()) - 20) / _STEP)

    def write(
        self,
        name: str,
        count: int = 20,
        *,
        size: tuple[int, int] = (64, 48),
        fps: Fraction = Fraction(25),
        stamps_ms: list[int] | None = None,
        rotation: int = 0,
        pix_fmt: str = "yuv420p",
        codec: str = "libx264",
        noise: bool = False,
        faststart: bool = False,
    ) -> Path:
        """A video of numbered pictures."""
        path = self.folder / name
        random = np.random.default_rng(0)
        with av.open(str(path), "w", options={"movflags": "faststart"} if faststart else {}) as container:
            stream = container.add_stream(codec, rate=fps)
            stream.width, stream.height = size
            stream.pix_fmt = pix_fmt
            stream.options = {"crf": "8", "g": "12"} if codec == "libx264" else {}
            if rotation:
                stream.set_display_rotation(rotation)
            if stamps_ms is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            for number in range(count):
                picture = self.picture(number, *size)
                if noise:
                    picture[: size[1] // 6] = random.integers(0, 255, picture[: size[1] // 6].shape)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts = number if stamps_ms is None else stamps_ms[number]
                frame.time_base = 1 / fps if stamps_ms is None else Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path


@pytest.fixture
def clips(tmp_path: Path) -> Clips:
    """A maker of small clips in a folder of the test's own."""
    return Clips(tmp_path)
