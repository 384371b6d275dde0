"""Things in the way of people, drawn in batches on the device, so that landmarks and silhouettes are cut alike."""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from ..data.noise import normal, uniform

_COUNT_SHARES: Final = (0.7, 0.2, 0.1)
"""Probability of 0, 1, 2 things. Landmarks are hidden by the simulated landmarker's own events as well."""
_FAR: Final = 5.0


class Occluders(NamedTuple):
    """Slanted rectangles in B images, in sides of each person's square box about its middle.

    Attributes:
        there: bool `[B,N]`; the others do not count.
        centre, half: `[B,N,2]`, half their width and height.
        angle: `[B,N]`, radians.
    """

    there: Tensor
    centre: Tensor
    half: Tensor
    angle: Tensor

    def over(self, places: Tensor) -> Tensor:
        """Whether something is over the places `[B,...,2]`, in the same unit: bool `[B,...]`."""
        hidden = torch.zeros(places.shape[:-1], dtype=torch.bool, device=places.device)
        shape = (len(places), *[1] * (places.dim() - 2))
        for n in range(self.there.shape[1]):
            away = places - self.centre[:, n].view(*shape, 2)
            c, s = self.angle[:, n].cos().view(shape), self.angle[:, n].sin().view(shape)
            x, y = c * away[..., 0] + s * away[..., 1], c * away[..., 1] - s * away[..., 0]
            half = self.half[:, n].view(*shape, 2)
            hidden |= self.there[:, n].view(shape) & (x.abs() < half[..., 0]) & (y.abs() < half[..., 1])
        return hidden


def draw_occluders(batch: int, generator: torch.Generator) -> Occluders:
    """Furniture that hides from below, panels and people that hide from a side, bars, and smaller things anywhere."""
    shares = torch.tensor(_COUNT_SHARES, device=generator.device)
    number = torch.multinomial(shares, batch, replacement=True, generator=generator)
    count = len(_COUNT_SHARES) - 1
    there = number[:, None] > torch.arange(count, device=generator.device)
    shape = (batch, count)
    kind = uniform(shape, generator)
    below, aside = kind < 0.35, (kind >= 0.35) & (kind < 0.55)
    upright, level = (kind >= 0.55) & (kind < 0.65), (kind >= 0.65) & (kind < 0.75)
    small_x, small_y = uniform(shape, generator, 0.05, 0.25), uniform(shape, generator, 0.05, 0.25)
    thin, far = uniform(shape, generator, 0.02, 0.12), torch.full(shape, _FAR, device=generator.device)
    width = torch.where(below, uniform(shape, generator, 0.15, 1.5), small_x)
    width = torch.where(aside | level, far, torch.where(upright, thin, width))
    height = torch.where(below | aside | upright, far, torch.where(level, thin, small_y))
    sign = torch.where(uniform(shape, generator) < 0.5, 1.0, -1.0)
    x, y = 0.2 * normal(shape, generator), 0.25 * normal(shape, generator)
    x = torch.where(aside, sign * (width + uniform(shape, generator, -0.15, 0.2)), torch.where(level, 0.0, x))
    y = torch.where(below, height + uniform(shape, generator, -0.2, 0.45), torch.where(upright | aside, 0.0, y))
    angle = 0.15 * normal(shape, generator)
    return Occluders(there, torch.stack((x, y), -1), torch.stack((width, height), -1), angle)
