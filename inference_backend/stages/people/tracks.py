"""From what was seen of a person to their track: contiguous frames, full-resolution pixels."""

from collections.abc import Sequence

import numpy as np

from ...geometry.blazepose import LANDMARKS
from ...records.people import MASK_WH, PersonTrack
from .person_tracker import Detection


def make_track(person_id: int, shot: int, detections: Sequence[Detection], scale: float) -> PersonTrack:
    """The track of one person.

    Args:
        person_id: the person's number in the clip.
        shot: the shot they appear in.
        detections: what was seen of them, in order of time; at least one.
        scale: pixels of the upright frame in a pixel of the working picture.
    """
    first, last = detections[0].frame, detections[-1].frame
    frames = np.arange(first, last + 1)
    at = np.array([detection.frame - first for detection in detections])
    count = len(frames)
    seen = np.zeros(count, bool)
    seen[at] = True
    keypoints = np.full((count, len(LANDMARKS), 2), np.nan, np.float32)
    keypoints[at] = [detection.pose.keypoints * scale for detection in detections]
    visibility = np.zeros((count, len(LANDMARKS)), np.float32)
    visibility[at] = [detection.pose.visibility for detection in detections]
    world = np.full((count, len(LANDMARKS), 3), np.nan, np.float32)
    world[at] = [detection.pose.world for detection in detections]
    mask = np.zeros((count, MASK_WH[1], MASK_WH[0] // 8), np.uint8)
    mask[at] = [detection.mask for detection in detections]
    boxes = np.array([detection.pose.box * scale for detection in detections], np.float64)
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
