"""Which of the people that were followed are really there."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from .followed import Sighting

_TRUST: Final = 0.35
_SUPPORT: Final = 0.4


def is_ghost(sightings: Sequence[Sighting], fps: float, shot_frames: int, shortest_s: float) -> bool:
    """Whether somebody was hardly there: too short, without a silhouette, or with hardly a landmark visible.

    Args:
        sightings: what was seen of them.
        fps: frames per second.
        shot_frames: length of the shot, which may itself be short.
        shortest_s: seconds that somebody must be in view in a longer shot.
    """
    if len(sightings) < min(shortest_s * fps, 0.5 * shot_frames):
        return True
    trust = float(np.median([sighting.pose.trust for sighting in sightings]))
    support = float(np.median([sighting.support for sighting in sightings]))
    return trust < _TRUST or support < _SUPPORT
