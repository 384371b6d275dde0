"""Pictures of a clip, one after the other."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...records.video import Video
from .faults import bad_input
from .image_sequence import read_image
from .video_file import VideoFile

Picture = NDArray[np.uint8]


def read_frames(
    video: Video, frames: Sequence[int] | NDArray[np.int64] | None = None, max_side: int | None = None
) -> Iterator[tuple[int, Picture]]:
    """Decodes a clip's pictures in rising order, in constant memory.

    Args:
        video: the clip.
        frames: which clip frames, in any order; None for all.
        max_side: pictures larger than this, in pixels, are scaled down to it (averaging, so that nothing aliases).

    Yields:
        `(clip frame, picture)`, RGB uint8 `[H,W,3]`, upright. A frame that cannot be decoded is left out.

    Raises:
        RecoverError: `BAD_INPUT` when the file has gone, or an image of a sequence is unreadable or of another size.
    """
    wanted = range(len(video)) if frames is None else sorted({int(frame) for frame in frames})
    if not len(wanted):
        return iter(())
    return _read_images(video, wanted, max_side) if video.images else _read_video(video, wanted, max_side)


def _read_video(video: Video, wanted: Sequence[int], max_side: int | None) -> Iterator[tuple[int, Picture]]:
    with VideoFile(video.path, video.stream) as file:
        time_base = float(file.stream.time_base)
        first = file.first_stamp()
        clip_frame = {first + round(video.time_s[frame] / time_base): frame for frame in wanted}
        last = max(clip_frame)
        for frame in file.decode_from(min(clip_frame)):
            if frame.pts is None:
                continue
            if frame.pts > last:
                return
            if frame.pts in clip_frame:
                yield clip_frame[frame.pts], file.to_rgb(frame, max_side)


def _read_images(video: Video, wanted: Sequence[int], max_side: int | None) -> Iterator[tuple[int, Picture]]:
    for frame in wanted:
        picture = read_image(video.images[frame])
        height, width = picture.shape[:2]
        if (width, height) != video.size_wh:
            raise bad_input(
                video.images[frame],
                f"is {width} x {height} pixels, unlike the {video.size_wh[0]} x {video.size_wh[1]} of its sequence",
                "Give all images of the sequence the same size.",
            )
        yield frame, _fit(picture, max_side)


def _fit(picture: Picture, max_side: int | None) -> Picture:
    height, width = picture.shape[:2]
    if max_side is None or max(width, height) <= max_side:
        return picture
    scale = max_side / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
