"""From what was seen of a person to their track: contiguous frames, full-resolution pixels."""

from collections.abc import Sequence

import numpy as np

from ...geometry.blazepose import LANDMARKS
from ...records.people import MASK_WH, PersonTrack
from .followed import Sighting


def make_track(person_id: int, shot: int, sightings: Sequence[Sighting], scale: float) -> PersonTrack:
    """The track of one person.

    Args:
        person_id: the person's number in the clip.
        shot: the shot they appear in.
        sightings: what was seen of them, in order of time; at least one.
        scale: pixels of the upright frame in a pixel of the working picture.
    """
    first, last = sightings[0].frame, sightings[-1].frame
    frames = np.arange(first, last + 1)
    at = np.array([sighting.frame - first for sighting in sightings])
    count = len(frames)
    seen = np.zeros(count, bool)
    seen[at] = True
    keypoints = np.full((count, len(LANDMARKS), 2), np.nan, np.float32)
    keypoints[at] = [sighting.pose.keypoints * scale for sighting in sightings]
    visibility = np.zeros((count, len(LANDMARKS)), np.float32)
    visibility[at] = [sighting.pose.visibility for sighting in sightings]
    world = np.full((count, len(LANDMARKS), 3), np.nan, np.float32)
    world[at] = [sighting.pose.world for sighting in sightings]
    mask = np.zeros((count, MASK_WH[1], MASK_WH[0] // 8), np.uint8)
    mask[at] = [sighting.mask for sighting in sightings]
    boxes = np.array([sighting.pose.box * scale for sighting in sightings], np.float64)
    box = np.stack([np.interp(np.arange(count), at, boxes[:, side]) for side in range(4)], axis=1)
    return PersonTrack(
        person_id=person_id,
        shot=shot,
        frames=frames,
        seen=seen,
        box=box.astype(np.float32),
        keypoints=keypoints,
        visibility=visibility,
        keypoints_world=world,
        mask=mask,
    )
