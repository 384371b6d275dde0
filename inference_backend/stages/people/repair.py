"""Puts right, or takes out, what was accepted picture by picture but does not fit the clip as a whole."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...geometry.blazepose import MIRROR
from .followed import Sighting
from .plausible_path import most_plausible_path
from .swaps import exchange_body, find_limb_swaps


def repair(sightings: Sequence[Sighting], time_s: NDArray[np.float64]) -> list[Sighting]:
    """The sightings of one person with sides put right and false ones left out.

    Args:
        sightings: what was accepted, in order of time.
        time_s: time of every clip frame `[T]`.
    """
    times = time_s[[sighting.frame for sighting in sightings]]
    height = float(np.median([sighting.pose.height for sighting in sightings]))
    points = np.stack([sighting.pose.keypoints for sighting in sightings])
    world = np.stack([sighting.pose.world for sighting in sightings])
    visibility = np.stack([sighting.pose.visibility for sighting in sightings])

    path = most_plausible_path(points, times, height)
    kept = [sighting for sighting, believed in zip(sightings, path.believed, strict=True) if believed]
    times, points, world, visibility = (array[path.believed] for array in (times, points, world, visibility))
    other_way = path.exchanged[path.believed]
    points[other_way], world[other_way] = exchange_body(points[other_way], world[other_way])
    visibility[other_way] = visibility[other_way][:, list(MIRROR)]

    order = find_limb_swaps(points, times, height)
    points = np.take_along_axis(points, order[..., None], axis=1)
    world = np.take_along_axis(world, order[..., None], axis=1)
    visibility = np.take_along_axis(visibility, order, axis=1)

    return [
        replace(sighting, pose=replace(sighting.pose, keypoints=k, world=w, visibility=v))
        for sighting, k, w, v in zip(kept, points, world, visibility, strict=True)
    ]
