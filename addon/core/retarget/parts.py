"""The parts of the body that presets map, as a skeleton: what comes before and after each."""

from typing import Final

from ....inference_backend.protocol.skeleton import FINGERS
from .preset import NECK, SPINE

SIDES: Final = ("left", "right")

NEXT: Final[dict[str, str]] = {
    f"{side}_{part}": f"{side}_{following}"
    for side in SIDES
    for part, following in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("ankle", "foot"),
        ("collar", "shoulder"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("wrist", "middle1"),
        *((f"{finger}{n}", f"{finger}{n + 1}") for finger in FINGERS for n in (1, 2)),
    )
}
"""The part at a part's far end."""

BEFORE: Final[dict[str, str]] = {
    f"{side}_{part}": f"{side}_{before}"
    for side in SIDES
    for part, before in (
        ("knee", "hip"),
        ("ankle", "knee"),
        ("foot", "ankle"),
        ("elbow", "shoulder"),
        ("wrist", "elbow"),
        *((f"{finger}1", "wrist") for finger in FINGERS),
        *((f"{finger}{n}", f"{finger}{n - 1}") for finger in FINGERS for n in (2, 3)),
    )
}
"""The part of the same limb that a part hangs from; limbs start at hip and shoulder."""

ORDER: Final[tuple[str, ...]] = (
    "pelvis",
    SPINE,
    NECK,
    "head",
    "jaw",
    "left_eye_smplhf",
    "right_eye_smplhf",
    *(
        f"{side}_{part}"
        for side in SIDES
        for part in (
            *("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist"),
            *(f"{finger}{n}" for finger in FINGERS for n in (1, 2, 3)),
        )
    ),
)
"""All parts, each after what it hangs from."""


def rule(part: str) -> str:
    """How a part's rest pose is matched unless a preset says otherwise: `direction`, `heading` or `rest`."""
    if part.endswith(("ankle", "foot")):
        return "heading"
    return "direction" if (part in NEXT and not part.endswith("collar")) or part in BEFORE else "rest"
