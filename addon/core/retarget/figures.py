"""What to judge a retargeting by: directions of bones against the source's, and how far planted feet slide."""

from dataclasses import dataclass

import numpy as np

from ..limbs import spans
from .planting import Foot, Mask
from .preset import NECK, SPINE
from .rest_match import RestMatch
from .rotations import angle_between, rotate
from .skeletons import Array


@dataclass(frozen=True)
class Figures:
    """How well a rig follows.

    Attributes:
        direction_error: largest angle in radians between a mapped bone's direction and the wanted one.
        direction_part: the part it is of.
        slide_before_m, slide_after_m: largest distance in metres that a planted point moves within one contact, by
            forward kinematics and as written; None without contacts or feet.
    """

    direction_error: float
    direction_part: str
    slide_before_m: float | None
    slide_after_m: float | None


def largest_direction_error(wanted: dict[str, Array], turns: dict[str, Array], match: RestMatch) -> tuple[float, str]:
    """Largest angle in radians between where parts point and where they should, and which part it is.

    Args:
        wanted, turns: E `[T,4]` by part.
        match: directions at rest.
    """
    worst, part = 0.0, ""
    for name, turn in turns.items():
        if name in (SPINE, NECK, "pelvis"):
            continue
        direction = match.directions[name]
        error = float(angle_between(rotate(turn, direction), rotate(wanted[name], direction)).max())
        if error > worst:
            worst, part = error, name
    return worst, part


def slide(points: Array, contact: Mask) -> float | None:
    """Largest distance from its median `[T,3]` that a point has within one contact; None without a contact."""
    found = [np.linalg.norm(points[a:b] - np.median(points[a:b], axis=0), axis=-1).max() for a, b in spans(contact)]
    return float(max(found)) if found else None


def feet_slide(feet: dict[str, Foot], ankles: dict[str, Array], turns: dict[str, Array]) -> float | None:
    """Largest slide of heels and balls in their contacts, in the armature's units.

    Args:
        feet: contacts and soles by side.
        ankles: `[T,3]` by side; turns: E of the feet by side.
    """
    found = []
    for side, foot in feet.items():
        for offset, contact in ((foot.heel, foot.heel_contact), (foot.ball, foot.ball_contact)):
            moved = slide(ankles[side] + rotate(turns[side], offset), contact)
            if moved is not None:
                found.append(moved)
    return max(found) if found else None
