"""Settings of the chain of both networks: Rope looks at single frames, MoRo at their course."""

from dataclasses import dataclass, field

from ..moro.settings import VERSION as MORO_VERSION
from ..moro.settings import MoroSettings
from ..rope.settings import VERSION as ROPE_VERSION
from ..rope.settings import RopeSettings

VERSION = 10_000 + 100 * MORO_VERSION + ROPE_VERSION
"""Rises with every change that alters results, here or in either estimator."""


@dataclass(frozen=True)
class LinkSettings:
    """What Rope hands to MoRo. Each link can be left out.

    Attributes:
        seed_tokens: Rope's pose as tokens, where it sees the parts that they shape. Off with the bundled weights, whose
            Rope says what is seen less well than MoRo does.
        coarse_trajectory: Rope's path, averaged with MoRo's own first guess.
        visibility: Rope's visibility of joints lowers the result's confidence.
        seed_visibility: visibility from which a part counts as seen.
        seed_reprojection: no seeds in frames in which Rope's landmarks miss by more than this, in box sides.
    """

    seed_tokens: bool = False
    coarse_trajectory: bool = True
    visibility: bool = True
    seed_visibility: float = 0.7
    seed_reprojection: float = 0.06


@dataclass(frozen=True)
class RopeMoroSettings:
    """The settings of both estimators and of the links between them."""

    rope: RopeSettings = field(default_factory=RopeSettings)
    moro: MoroSettings = field(default_factory=MoroSettings)
    links: LinkSettings = field(default_factory=LinkSettings)
