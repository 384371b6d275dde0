"""Settings of the shots stage."""

from dataclasses import dataclass

VERSION = 1


@dataclass(frozen=True)
class ShotSettings:
    """How shots are told apart.

    Attributes:
        detect: look for cuts and cross-fades; False takes the clip as one shot.
        shortest_s: seconds; what lies between two cuts closer than this is no shot of its own.
    """

    detect: bool = True
    shortest_s: float = 0.4
