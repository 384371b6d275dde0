"""Puts right, or takes out, what was accepted picture by picture but does not fit the clip as a whole."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...geometry.blazepose import MIRROR
from .person_tracker import Detection
from .plausible_path import most_plausible_path
from .swaps import exchange_body, find_limb_swaps


def repair(detections: Sequence[Detection], time_s: NDArray[np.float64]) -> list[Detection]:
    """The detections of one person with sides put right and false ones left out.

    Args:
        detections: what was accepted, in order of time.
        time_s: time of every clip frame `[T]`.
    """
    times = time_s[[detection.frame for detection in detections]]
    height = float(np.median([detection.pose.height for detection in detections]))
    points = np.stack([detection.pose.keypoints for detection in detections])
    world = np.stack([detection.pose.world for detection in detections])
    visibility = np.stack([detection.pose.visibility for detection in detections])

    path = most_plausible_path(points, times, height)
    kept = [detection for detection, believed in zip(detections, path.believed, strict=True) if believed]
    times, points, world, visibility = (array[path.believed] for array in (times, points, world, visibility))
    other_way = path.exchanged[path.believed]
    points[other_way], world[other_way] = exchange_body(points[other_way], world[other_way])
    visibility[other_way] = visibility[other_way][:, list(MIRROR)]

    order = find_limb_swaps(points, times, height)
    points = np.take_along_axis(points, order[..., None], axis=1)
    world = np.take_along_axis(world, order[..., None], axis=1)
    visibility = np.take_along_axis(visibility, order, axis=1)

    return [
        replace(detection, pose=replace(detection.pose, keypoints=k, world=w, visibility=v))
        for detection, k, w, v in zip(kept, points, world, visibility, strict=True)
    ]
