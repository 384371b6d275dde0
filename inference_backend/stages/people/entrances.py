"""Follows somebody backwards from where a search found them, to where they came into the picture."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...records.video import Video
from ..frames.read import read_frames
from .landmarker import PersonLandmarker
from .person_tracker import Detection, PersonTracker

_CHUNK: Final = 12  # pictures in memory at once


def extend_backwards(
    video: Video, detections: list[Detection], earliest: int, time_s: NDArray[np.float64], working_side: int
) -> list[Detection]:
    """The detections of one person, with those before them that a search came too late for.

    Args:
        video: the clip.
        detections: what was seen of them, in order of time.
        earliest: first clip frame to look at.
        time_s: time of every clip frame `[T]`.
        working_side: longer side of the working picture at most, in pixels.
    """
    first = detections[0].frame
    if earliest >= first:
        return detections
    origin = float(time_s[first])
    # This one does give up: nothing else tells that nobody is there yet.
    with PersonLandmarker(hold_on=False) as landmarker:
        person: PersonTracker | None = None
        for end in range(first + 1, earliest, -_CHUNK):
            chunk = list(read_frames(video, range(max(earliest, end - _CHUNK), end), working_side))
            for frame, picture in reversed(chunk):
                backwards = 2 * origin - float(time_s[frame])  # the landmarker's clock only goes forward
                if person is None:
                    person = PersonTracker(landmarker, (picture.shape[1], picture.shape[0]))
                    rejection = person.begin(picture, frame, backwards, detections[0].pose)
                else:
                    rejection = person.step(picture, frame, backwards)
                if rejection is not None:
                    return person.detections[:0:-1] + detections
    return (person.detections[:0:-1] if person else []) + detections
