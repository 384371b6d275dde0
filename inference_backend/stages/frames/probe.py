"""Finds out what a clip holds: its frames and their times, without decoding more than one of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...protocol.errors import ErrorCode, RecoverError
from ...records.video import Video
from .faults import bad_input
from .image_sequence import find_images, probe_images
from .video_file import probe_video


def probe(
    path: Path, start_s: float | None = None, end_s: float | None = None, *, image_fps: float = 30.0, stream: int = 0
) -> Video:
    """The clip in a video file or image sequence, cut to a range.

    Args:
        path: a video file, a folder of images, an image whose numbered successors follow it, or a pattern such as
            `shot.####.png`, `shot.%04d.png` or `shot.*.png`.
        start_s: first instant, in seconds from the file's first frame; None for the beginning.
        end_s: first instant after the range, in seconds; None for the end.
        image_fps: frames per second that an image sequence is meant to have.
        stream: which picture track of a video file, counted from 0.

    Returns:
        The clip: frames whose presentation time t satisfies `start_s <= t < end_s`.

    Raises:
        RecoverError: `BAD_SETTING` for a range or rate that makes no sense, `BAD_INPUT` for a file that is absent,
            empty, no video, or has no frame in the range.
    """
    _check_settings(start_s, end_s, image_fps)
    path = Path(path)
    images = find_images(path)
    whole = probe_images(images, image_fps) if images else probe_video(path, stream)
    return _cut(whole, start_s, end_s)


def _check_settings(start_s: float | None, end_s: float | None, image_fps: float) -> None:
    def reject(sentence: str, remedy: str) -> None:
        raise RecoverError(ErrorCode.BAD_SETTING, sentence, remedy)

    if not (np.isfinite(image_fps) and image_fps > 0):
        reject(f"The frame rate {image_fps} is not a positive number.", "Give the frames per second, such as 25.")
    for name, value in (("start", start_s), ("end", end_s)):
        if value is not None and not (np.isfinite(value) and value >= 0):
            reject(f"The {name} of the range, {value} s, is not a time in the clip.", "Give seconds from 0 upward.")
    if end_s is not None and end_s <= (start_s or 0.0):
        reject(f"The range ends at {end_s} s, not after its start at {start_s or 0.0} s.", "Choose a later end.")


def _cut(video: Video, start_s: float | None, end_s: float | None) -> Video:
    # A time stamp that is printed rounded and typed in again must still hit its frame.
    tolerance = 1e-4
    chosen = video.time_s >= (start_s or 0.0) - tolerance
    if end_s is not None:
        chosen &= video.time_s < end_s - tolerance
    if not chosen.any():
        length = float(video.time_s[-1]) + 1.0 / video.fps
        raise bad_input(
            video.path,
            f"has no frame between {start_s or 0.0:g} s and {f'{end_s:g} s' if end_s is not None else 'its end'}",
            f"The clip is {length:.2f} s long: choose a range inside it.",
        )
    return replace(
        video,
        time_s=video.time_s[chosen],
        frame_index=video.frame_index[chosen],
        images=tuple(image for image, use in zip(video.images, chosen, strict=True) if use) if video.images else (),
    )
