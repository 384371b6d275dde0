"""Tracks of people who are not really there."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from .followed import Sighting

_PRESENCE: Final = 0.4


def is_false_track(sightings: Sequence[Sighting], fps: float, shot_frames: int, shortest_s: float) -> bool:
    """Whether a track is false: somebody was hardly there.

    Such a track is short; or its landmarks are doubtful, off the silhouette, and missing every other frame. Somebody
    half hidden for a while has one of these marks, a false track has all: what counts is their product.

    Args:
        sightings: what was seen of them.
        fps: frames per second.
        shot_frames: length of the shot, which may itself be short.
        shortest_s: seconds that somebody must be in view in a longer shot.
    """
    if len(sightings) < min(shortest_s * fps, 0.5 * shot_frames):
        return True
    return is_unsupported(sightings, sightings[-1].frame)


def is_unsupported(sightings: Sequence[Sighting], until: int) -> bool:
    """Whether doubtful landmarks, no silhouette and gaps come together.

    Args:
        sightings: what was seen of somebody, at least one.
        until: last frame in which they were looked for.
    """
    trust = float(np.median([sighting.pose.trust for sighting in sightings]))
    support = float(np.median([sighting.support for sighting in sightings]))
    seen = len(sightings) / (until - sightings[0].frame + 1)
    return trust * support * seen < _PRESENCE
