"""Settings of the people stage."""

from dataclasses import dataclass
from typing import Final

from ...protocol.errors import ErrorCode, RecoverError

VERSION = 3

AUTO_PEOPLE: Final = 4
"""People that are followed when nobody says how many: each costs a pass of the landmark network a frame."""
MOST_PEOPLE: Final = 16


@dataclass(frozen=True)
class PeopleSettings:
    """How many people to look for, and how hard.

    Attributes:
        people: follow at most this many at once; 0 chooses (`AUTO_PEOPLE`). When a shot begins with fewer, small people
            are looked for, too.
        search_s: seconds between two looks at the whole picture for newcomers.
        shortest_s: people in view for less than this many seconds are dropped as false tracks.
        longest_gap_s: somebody who is hidden for longer than this comes back as a new person.
        working_side: pictures are scaled down to this longer side, in pixels, before anybody is looked for.
    """

    people: int = 0
    search_s: float = 0.4
    shortest_s: float = 0.4
    longest_gap_s: float = 2.0
    working_side: int = 1920

    def __post_init__(self) -> None:
        """Raise `RecoverError(BAD_SETTING)` for a value that makes no sense."""
        ranges = {
            "people": (0, MOST_PEOPLE),
            "search_s": (0.05, 60),
            "shortest_s": (0, 60),
            "longest_gap_s": (0, 60),
            "working_side": (128, 16384),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise RecoverError(
                    ErrorCode.BAD_SETTING,
                    f"People setting {name} is {getattr(self, name)}.",
                    f"Choose a value between {low} and {high}.",
                )

    @property
    def most(self) -> int:
        """The number of people that are followed at once."""
        return self.people or AUTO_PEOPLE
