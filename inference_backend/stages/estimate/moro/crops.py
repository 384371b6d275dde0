"""Crops of a person on the 30 fps clock, for the configuration that looks at pictures."""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....models.moro.evidence.camera import box_feature
from ....models.moro.evidence.crop import crop_person
from ....records.camera import Camera
from ....records.people import PersonTrack
from ....records.video import Video
from ...frames.read import read_frames

_MARGIN = 1.2


def nearest_frames(video: Video, track: PersonTrack, clock_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each clock time the place in the track of the nearest frame: int64 `[M]`, rising."""
    time_s = video.time_s[track.frames]
    upper = np.searchsorted(time_s, clock_s).clip(1, max(len(time_s) - 1, 1))
    upper = np.minimum(upper, len(time_s) - 1)
    lower = np.maximum(upper - 1, 0)
    return np.where(clock_s - time_s[lower] <= time_s[upper] - clock_s, lower, upper)


def square_boxes(track: PersonTrack) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre `[N,2]` (pixels) and side / 200 `[N]` of the square boxes around a track, with the released margin."""
    box = track.box.astype(np.float64)
    side = (box[:, 2:] - box[:, :2]).max(1)
    return (box[:, :2] + box[:, 2:]) / 2, side / 200 * _MARGIN


def crop_boxes(track: PersonTrack, camera: Camera, place: NDArray[np.int64]) -> Tensor:
    """Box feature `[M,3]` of the crops at these places of the track."""
    center, scale = square_boxes(track)
    K = camera.K[track.frames][place]
    return box_feature(*(torch.from_numpy(np.ascontiguousarray(x)) for x in (center[place], scale[place], K))).float()


def person_crops(
    video: Video, track: PersonTrack, camera: Camera, place: NDArray[np.int64], size: int
) -> Iterator[NDArray[np.uint8]]:
    """Crops uint8 `[size,size,3]` at these places of the track, in order, in constant memory.

    A frame that cannot be decoded repeats the crop before it (black at the start). Lens distortion is taken out first.
    """
    center, scale = square_boxes(track)
    crop = np.zeros((size, size, 3), np.uint8)
    pictures = read_frames(video, track.frames[place])
    frame, picture = next(pictures, (-1, None))
    for at in place:
        wanted = int(track.frames[at])
        while picture is not None and frame < wanted:
            frame, picture = next(pictures, (-1, None))
        if picture is not None and frame == wanted:
            K = camera.K[wanted]
            seen = cv2.undistort(picture, K, camera.dist) if np.any(camera.dist) else picture
            crop = crop_person(seen, center[at], scale[at], size)
        yield crop
