"""Puts right, or takes out, what was accepted picture by picture but does not fit the clip as a whole."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .blazepose import MIRRORED
from .followed import Sighting
from .jumps import find_jumps
from .swaps import exchange_body, find_body_swaps, find_limb_swaps


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

    swapped = find_body_swaps(points, times, height)
    order = np.where(swapped[:, None], MIRRORED, np.arange(points.shape[1]))
    mirrored_points, mirrored_world = exchange_body(points, world)
    points = np.where(swapped[:, None, None], mirrored_points, points)
    world = np.where(swapped[:, None, None], mirrored_world, world)
    visibility = np.take_along_axis(visibility, order, axis=1)

    order = find_limb_swaps(points, times, height)
    points = np.take_along_axis(points, order[..., None], axis=1)
    world = np.take_along_axis(world, order[..., None], axis=1)
    visibility = np.take_along_axis(visibility, order, axis=1)

    bad = find_jumps(points, times, height)
    return [
        replace(sighting, pose=replace(sighting.pose, keypoints=k, world=w, visibility=v))
        for sighting, k, w, v, distrusted in zip(sightings, points, world, visibility, bad, strict=True)
        if not distrusted
    ]
