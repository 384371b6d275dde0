"""Video files through FFmpeg's libraries: times of all frames without decoding them, then upright RGB pictures.

PyAV rather than OpenCV: it gives the time stamps of a variable-rate file without a decoding pass, seeks exactly, says
how a phone was held, and names what is wrong with a broken file.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from ...records.video import Video
from .faults import bad_input, require_content
from .focal import focal_from_metadata
from .timing import is_variable, nominal_fps

_TURNS: Final = {
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_CLOCKWISE,
}
_REORDER_DEPTH: Final = 64  # no codec holds a picture back for more packets than this
_AGAIN: Final = "Copy or convert the file again."


class VideoFile:
    """An open video file.

    Args:
        path: the file.
        stream: which of its picture tracks, counted from 0.

    Raises:
        RecoverError: `BAD_INPUT` when the file is absent, empty, no video, or has no such picture track.
    """

    def __init__(self, path: Path, stream: int = 0) -> None:
        self.path = path
        self._track = stream
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    def stamps(self) -> NDArray[np.int64]:
        """Presentation stamps of all frames `[T]`, rising, in units of the stream's time base. Reads the whole file.

        Raises:
            RecoverError: `BAD_INPUT` when there are none.
        """
        stamps = [packet.pts for packet in self._packets() if packet.size and not packet.is_discard]
        if None in stamps or len(set(stamps)) != len(stamps):
            # The packets do not tell (old containers), so the decoder has to.
            self._rewind()
            decoded = [frame.pts for frame in self._decode()]
            if decoded and None in decoded:
                raise bad_input(self.path, "has no time stamps", "Convert it to an mp4 file.")
            stamps = list(set(decoded))
        if not stamps:
            raise bad_input(self.path, "holds no picture that can be decoded", _AGAIN)
        return np.sort(np.array(stamps, np.int64))

    def first_stamp(self) -> int:
        """The first of `stamps`, found without reading the whole file."""
        stamps = [packet.pts for packet in islice(self._packets(), _REORDER_DEPTH) if packet.size]
        self._rewind()
        if stamps and None not in stamps:
            return min(stamps)
        first = self.first_frame().pts
        self._rewind()
        return first

    def first_frame(self) -> VideoFrame:
        """The first frame that can be decoded.

        Raises:
            RecoverError: `BAD_INPUT` when none can.
        """
        for frame in self._decode():
            return frame
        raise bad_input(self.path, "holds no picture that can be decoded", _AGAIN)

    def decode_from(self, stamp: int) -> Iterator[VideoFrame]:
        """Decoded frames in order of presentation, from a stamp on or a little before it; broken ones are left out."""
        try:
            self.container.seek(stamp, stream=self.stream)
            frames = self._decode()
            first = next(frames, None)
        except av.FFmpegError:
            first = None
        if first is None or first.pts is None or first.pts > stamp:
            self._rewind()  # some containers have no usable index: read from the start
            yield from self._decode()
            return
        yield first
        yield from frames

    def size(self, frame: VideoFrame) -> tuple[int, int]:
        """Width and height of a frame's upright picture with square pixels."""
        width, height = self._square_size(frame)
        return (height, width) if _quarter(frame) in (90, 270) else (width, height)

    def to_rgb(self, frame: VideoFrame, max_side: int | None) -> NDArray[np.uint8]:
        """A frame's upright RGB picture `[H,W,3]` with square pixels, no side longer than `max_side`."""
        width, height = self._square_size(frame)
        if max_side is not None and max(width, height) > max_side:
            scale = max_side / max(width, height)
            width, height = max(1, round(width * scale)), max(1, round(height * scale))
        picture = frame.reformat(
            width=width, height=height, format="rgb24", interpolation=Interpolation.AREA
        ).to_ndarray()
        turn = _TURNS.get(_quarter(frame))
        # PyAV's rows may be padded, and other libraries take the bytes as they lie.
        return np.ascontiguousarray(picture) if turn is None else cv2.rotate(picture, turn)

    def _open(self) -> None:
        require_content(self.path)
        try:
            self.container = av.open(str(self.path), metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            remedy = "Choose a video file; one that was cut off must be copied again."
            raise bad_input(self.path, "is not a video that can be read", remedy) from error
        covers = av.stream.Disposition.attached_pic
        streams = [stream for stream in self.container.streams.video if not stream.disposition & covers]
        if self._track >= len(streams):
            self.container.close()
            if not streams:
                remedy = "Choose a file with video; this one may be sound only."
                raise bad_input(self.path, "has no picture track", remedy)
            count = f"{len(streams)} picture track{'s' if len(streams) > 1 else ''}"
            what = f"has {count}, and track {self._track} was asked for"
            raise bad_input(self.path, what, "Choose a track from 0 upward.")
        self.stream = streams[self._track]
        self.stream.thread_type = "AUTO"

    def _rewind(self) -> None:
        # Not every file can seek, and every file can be opened again.
        self.container.close()
        self._open()

    def _packets(self) -> Iterator[av.Packet]:
        try:
            yield from self.container.demux(self.stream)
        except av.FFmpegError:
            return  # the file ends in the middle; what came before it is good

    def _decode(self) -> Iterator[VideoFrame]:
        for packet in self._packets():
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue  # one damaged packet; the decoder finds its feet again at a later one

    def _square_size(self, frame: VideoFrame) -> tuple[int, int]:
        ratio = float(self.stream.sample_aspect_ratio or 1)
        return round(frame.width * (ratio if ratio > 0 else 1.0)), frame.height


def probe_video(path: Path, stream: int = 0) -> Video:
    """The whole clip in a picture track of a video file.

    Raises:
        RecoverError: `BAD_INPUT` when the file is absent, empty, no video, or nothing of it can be decoded.
    """
    with VideoFile(path, stream) as file:
        stamps = file.stamps()
        time_s = (stamps - stamps[0]) * float(file.stream.time_base)
        stated, promised = file.stream.average_rate, file.stream.frames
    with VideoFile(path, stream) as file:
        first = file.first_frame()
        size_wh = file.size(first)
        tags = {**first.metadata, **file.container.metadata, **file.stream.metadata}
    cut_off = f'"{path.name}" is cut off: {len(stamps)} of its {promised} frames are there.'
    return Video(
        path=path,
        fps=nominal_fps(time_s, float(stated) if stated else None),
        size_wh=size_wh,
        time_s=time_s,
        frame_index=np.arange(len(stamps)),
        variable_rate=is_variable(time_s),
        focal_px=focal_from_metadata(tags, size_wh),
        stream=stream,
        notes=(cut_off,) if promised > len(stamps) + 1 else (),
    )


def _quarter(frame: VideoFrame) -> int:
    return round(frame.rotation / 90) % 4 * 90
