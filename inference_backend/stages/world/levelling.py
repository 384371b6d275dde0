"""Up and who stands, each found from the other: stances tell where the floor is, and the floor where feet may stand."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...geometry.banded import frame_seconds
from ..contacts.detect import detect
from ..contacts.settings import ContactSettings
from .path import Stance, fuse
from .person import Person, calm
from .settings import WorldSettings
from .vertical import Vertical, camera_to_world, from_angles, from_bodies, with_floor

_STANCE = ContactSettings(height_m=0.045, keep_height_m=0.08, speed_mps=0.5, keep_speed_mps=0.9, floor_error_m=0.15)
"""Wider than for the result: what counts here is that no stance is missed."""
_STANCE_ON_A_SLOPE = replace(_STANCE, floor_error_m=2.0)
"""While the vertical is still wrong, the floor rises and falls under a person who walks."""


def find_vertical(people: list[Person], settings: WorldSettings) -> tuple[Vertical, list[NDArray[np.bool_]]]:
    """Up, and each person's stance `[N,4]`: three rounds of levelling the floor and finding who stands on it."""
    if settings.tilt_deg is not None or settings.roll_deg is not None:
        prior = from_angles(settings.tilt_deg or 0.0, settings.roll_deg or 0.0)
    else:
        joints = [person.joints for person in people] or [np.zeros((0, 22, 3))]
        seconds = [frame_seconds(person.time_s) * person.confidence * calm(person) for person in people]
        seconds = seconds or [np.zeros(0)]
        prior = from_bodies(np.concatenate(joints), np.concatenate(seconds))
    vertical, stances = prior, [np.zeros((len(p.joints), 4), bool) for p in people]
    for _ in range(3):
        rotation = camera_to_world(vertical.up)
        feet, paths = [], []
        for i, person in enumerate(people):
            offset = person.offset @ rotation.T
            sigma = person.motion.depth_sigma.astype(np.float64)
            path = fuse(
                person.joints[:, 0] @ rotation.T,
                person.camera @ rotation.T,
                person.confidence,
                sigma,
                person.time_s,
                Stance(offset, stances[i], None),
                settings,
            )
            points = path[:, None] + offset
            stances[i] = _stance(points, person, _STANCE_ON_A_SLOPE)
            paths.append(points @ rotation)
            weight = frame_seconds(person.time_s)[:, None] * np.repeat(person.feet_seen, 2, axis=1)
            use = stances[i] & (weight > 0)
            share = weight / np.maximum(use.sum(1, keepdims=True), 1)
            level = points - person.clearance[:, None] * [0, 1, 0]
            feet.append((level[use] @ rotation, share[use]))
        vertical = with_floor(prior, vertical.up, feet)
    rotation = camera_to_world(vertical.up)
    stances = [_stance(path @ rotation.T, person, _STANCE) for path, person in zip(paths, people, strict=True)]
    return vertical, stances


def _stance(points: NDArray[np.float64], person: Person, settings: ContactSettings) -> NDArray[np.bool_]:
    """Contacts over a floor whose height is not known yet: the low end of where slow feet are."""
    level = points[..., 1] - person.clearance
    valid = person.confidence > 0
    if not valid.any():
        return np.zeros(level.shape, bool)
    points = points - [0, np.quantile(level.min(1)[valid], 0.2), 0]
    return detect(points, person.clearance, person.time_s, valid, settings)
