"""Several data sets in fixed proportions, whatever their sizes."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")


class Mixture(Generic[Item]):
    """Draws from several sets.

    Args:
        sets: none of them empty.
        shares: of an epoch, adding up to 1.
    """

    def __init__(self, sets: Sequence[Sequence[Item]], shares: Sequence[float]) -> None:
        if len(sets) != len(shares) or not all(len(items) for items in sets) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError("every set needs items and a share, and shares add up to 1")
        self.sets, self.shares = sets, shares

    def epoch(self, rng: np.random.Generator) -> Iterator[Item]:
        """An epoch in random order: as many items as there are, of each set its share; repeated where it is smaller."""
        total = sum(map(len, self.sets))
        drawn = []
        for which, (items, share) in enumerate(zip(self.sets, self.shares, strict=True)):
            count = round(share * total)
            places = rng.choice(len(items), count, replace=count > len(items))
            drawn += [(which, int(place)) for place in places]
        for at in rng.permutation(len(drawn)):
            which, place = drawn[at]
            yield self.sets[which][place]

    def forever(self, rng: np.random.Generator) -> Iterator[Item]:
        """Epoch after epoch."""
        while True:
            yield from self.epoch(rng)
