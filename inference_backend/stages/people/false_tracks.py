"""Tracks of people who are not really there."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from .person_tracker import Detection

_PRESENCE: Final = 0.4


def is_false_track(detections: Sequence[Detection], fps: float, shot_frames: int, shortest_s: float) -> bool:
    """Whether a track is false: somebody was hardly there.

    Such a track is short; or its landmarks are doubtful, off the silhouette, and missing every other frame. Somebody
    half hidden for a while has one of these marks, a false track has all: what counts is their product.

    Args:
        detections: what was seen of them.
        fps: frames per second.
        shot_frames: length of the shot, which may itself be short.
        shortest_s: seconds that somebody must be in view in a longer shot.
    """
    if len(detections) < min(shortest_s * fps, 0.5 * shot_frames):
        return True
    return is_unsupported(detections, detections[-1].frame)


def is_unsupported(detections: Sequence[Detection], until: int) -> bool:
    """Whether doubtful landmarks, no silhouette and gaps come together.

    Args:
        detections: what was seen of somebody, at least one.
        until: last frame in which they were looked for.
    """
    trust = float(np.median([detection.pose.trust for detection in detections]))
    support = float(np.median([detection.support for detection in detections]))
    seen = len(detections) / (until - detections[0].frame + 1)
    return trust * support * seen < _PRESENCE
