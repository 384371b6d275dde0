"""One floor for several people, as far as a believable change of their size explains that their floors differ.

One picture cannot tell a small person nearby from a tall one far away: size and distance scale together, and the floor
under a person with them. So a person whose floor is off is scaled, stature and distance by one factor, which leaves
the picture of them as it is. Nothing else may move them away from their picture.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...geometry.banded import frame_seconds
from ...protocol.result_format import person_name
from ...records.context import StageContext
from .person import Person
from .settings import WorldSettings

DEFAULT_HEIGHT_M: Final = 1.5
"""Camera height where nobody's feet tell one."""
STATURE_SIGMA: Final = 0.065
"""Standard deviation of adults' stature as a share of it: how far anybody's size is changed to meet a floor."""
GIVEN_SIZES: Final = 0.25
"""The same (of the logarithm) where the camera's height is given: that measures people's size."""
_LONG: Final = 0.2
"""Who stands for less than this share of the longest one's time does not choose the floor."""


@dataclass(frozen=True)
class Floor:
    """The floor of a shot.

    Attributes:
        height: of the camera over it, metres.
        scale: `[P]`, by which each person's size and distance change to stand on it; 1 for who is left where they are.
        shared: bool `[P]`, who stands on it then.
    """

    height: float
    scale: NDArray[np.float64]
    shared: NDArray[np.bool_]


def common_floor(heights: NDArray[np.float64], seconds: NDArray[np.float64]) -> Floor:
    """The floor that most people agree on within a believable change of size; of several such the lowest.

    Args:
        heights: `[P]`, metres of the camera over the floor that each person stands on, at their size as it is.
        seconds: `[P]`, for how long they stand there; 0 where nobody saw their feet stand.
    """
    stands = (seconds >= _LONG * seconds.max()) & (heights > 0) & (seconds > 0)
    if not stands.any():
        height = float(heights.max())
        return Floor(height, np.ones(len(heights)), _agrees(heights, height, STATURE_SIGMA))
    best = np.zeros(len(heights), bool)
    for lowest in sorted(heights[stands], reverse=True):
        group = stands & (heights <= lowest) & (heights >= lowest * np.exp(-2 * STATURE_SIGMA))
        if group.sum() > best.sum():
            best = group
    height = float(np.exp(np.log(heights[best]).mean()))
    shared = _agrees(heights, height, STATURE_SIGMA)
    return Floor(height, _scales(heights, height, shared & (seconds > 0)), shared)


def given_floor(heights: NDArray[np.float64], seconds: NDArray[np.float64], height: float) -> Floor:
    """The same for a camera whose height is known."""
    shared = _agrees(heights, height, GIVEN_SIZES)
    return Floor(height, _scales(heights, height, shared & (seconds > 0)), shared)


def _agrees(heights: NDArray[np.float64], height: float, limit: float) -> NDArray[np.bool_]:
    if height <= 0:  # a camera below the floor: no size explains anything
        return heights == height
    return np.abs(np.log(np.maximum(heights, 1e-6) / height)) <= limit + 1e-9


def _scales(heights: NDArray[np.float64], height: float, moved: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(moved, height / np.where(moved, heights, 1.0), 1.0)


def find_floor(
    people: list[Person],
    stances: list[NDArray[np.bool_]],
    up: NDArray[np.float64],
    settings: WorldSettings,
    ctx: StageContext,
    where: str,
) -> tuple[Floor, NDArray[np.float64], bool]:
    """The floor of a shot, from where its people stand.

    Args:
        people: P persons before a camera that stands still.
        stances: `[N,4]` of each, when heels and toes stand.
        up: `[3]`, unit, camera axes.
        settings: the camera's height, where the user knows it.
        ctx: told of guesses, and of who is left on another floor.
        where: of which shot notes speak, such as " of shot 2".

    Returns:
        The floor; `[P]`, metres of the camera over the floor that each person stands on, at their size as it is; and
        whether feet or the user tell the height.
    """
    pairs = [_floor_below(person, contact, up) for person, contact in zip(people, stances, strict=True)]
    own, seconds = np.array(pairs).reshape(-1, 2).T
    told = settings.camera_height_m
    if not people:
        return Floor(DEFAULT_HEIGHT_M if told is None else told, np.ones(0), np.ones(0, bool)), own, told is not None
    floor = common_floor(own, seconds) if told is None else given_floor(own, seconds, told)
    if told is None and not seconds.any():
        ctx.note(f"No feet on the floor are seen{where}; the floor's height is a guess.")
    for i in np.flatnonzero(~floor.shared & (seconds > 0)):
        away = floor.height - own[i]
        ctx.note(
            f"The floor under {person_name(people[i].motion.person_id)} seems to lie {abs(away):.2f} m "
            f"{'higher' if away > 0 else 'lower'} than {'the others stand' if told is None else 'was given'}, more "
            "than their size can explain; they are left there."
        )
    return floor, own, told is not None or bool(seconds.any())


def _floor_below(person: Person, contact: NDArray[np.bool_], up: NDArray[np.float64]) -> tuple[float, float]:
    """Height of the camera over the floor that a person stands on, and the seconds they stand there."""
    depth = -(person.joints[:, :1] + person.offset) @ up + person.clearance
    weight = frame_seconds(person.time_s)[:, None] * np.repeat(person.feet_seen, 2, axis=1) * contact
    if weight.sum() > 0:
        return _weighted_median(depth[weight > 0], weight[weight > 0]), float(weight.sum())
    valid = person.confidence > 0
    lowest = depth.max(1)[valid] if valid.any() else depth.max(1)
    return float(np.median(lowest)), 0.0


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])
