"""The estimators as a person is offered them: the add-on lists these, and `stages.estimate.registry` runs them.

Data only, so that the add-on can show the list without a backend. Whoever adds an estimator adds it in both places.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Offer:
    """What a person reads before they choose an estimator.

    Attributes:
        name: as in `stages.estimate.registry`.
        label: its name for people.
        description: what it does and needs, without a final stop.
        weights: fields of `pipeline.settings.RecoverSettings` whose `weights` can name a weights file for it.
    """

    name: str
    label: str
    description: str
    weights: tuple[str, ...] = ()


OFFERS: Final[tuple[Offer, ...]] = (
    Offer("moro", "MoRo", "A network that fills in what is hidden from how people move", ("moro",)),
    Offer("kinematic", "Kinematic", "Fits the body to the landmarks over the whole clip, without a network"),
    Offer("rope", "Rope", "A network that reads each frame part by part", ("rope",)),
    Offer(
        "rope+moro",
        "Rope and MoRo",
        "Rope reads the frames, MoRo goes on from what it could see",
        ("rope", "moro"),
    ),
)
"""In the order in which a person is offered them; the first is the default."""


def offer(name: str) -> Offer:
    """The offer of this name; for a name that is none (a result of another version), one that has just the name."""
    return next((entry for entry in OFFERS if entry.name == name), Offer(name, name, ""))
