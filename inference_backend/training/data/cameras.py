"""Virtual cameras in batches: distances, heights, tilt and framing as in phone and studio footage."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

_DISTANCE = (1.8, 8.0)
_HEIGHT, _HIGH, _HIGH_SHARE = (0.3, 2.2), (2.2, 4.0), 0.15
_ROLL = 0.06
"""Radians, standard deviation (3.4 degrees)."""
_ASIDE = (0.18, 0.1)
"""Radians, standard deviation: how far beside the person the camera looks, sideways and up or down."""
_FIELD = (0.33, 0.8)
"""Half of the image's longer side over the focal length: long lenses to wide phones."""
_NEAREST = 0.9
"""Metres; nobody comes nearer to the camera."""


class Cameras(NamedTuple):
    """B still cameras (x right, y down, z forward).

    Attributes:
        rotation: `[B,3,3]`, world (y up) to camera.
        eye: `[B,3]`, metres, world.
        border: `[B,2]`, where the image ends, as |x/z| and |y/z|.
    """

    rotation: Tensor
    eye: Tensor
    border: Tensor

    def see(self, points: Tensor) -> Tensor:
        """World points `[B,...,3]` in the cameras' frames."""
        shape = (len(points), *[1] * (points.dim() - 2))
        return ((points - self.eye.view(*shape, 3)).unsqueeze(-2) @ self.rotation.mT.view(*shape, 3, 3)).squeeze(-2)


def draw_cameras(path: Tensor, generator: torch.Generator) -> Cameras:
    """Cameras that look at people.

    Args:
        path: `[B,T,3]`, pelvis through the window, world, metres.
        generator: source of chance, on the same device.
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(path), generator=generator, device=path.device)

    def normal(sigma: float) -> Tensor:
        return sigma * torch.randn(len(path), generator=generator, device=path.device)

    middle = 0.5 * (path.amin(1) + path.amax(1))
    reach = (path - middle[:, None])[..., [0, 2]].norm(dim=-1).amax(1)
    # Distances are drawn evenly in their logarithm: half of all footage is nearer than four metres.
    distance = torch.exp(uniform(*torch.tensor(_DISTANCE).log().tolist()))
    distance = torch.maximum(distance, reach + _NEAREST)
    angle = uniform(0, 2 * torch.pi)
    rise = torch.where(uniform(0, 1) < _HIGH_SHARE, uniform(*_HIGH), uniform(*_HEIGHT))
    eye = torch.stack((middle[:, 0] + distance * angle.sin(), rise, middle[:, 2] + distance * angle.cos()), -1)
    forward = functional.normalize(middle - eye, dim=-1)
    up = torch.tensor([0.0, 1.0, 0.0]).to(path).expand_as(forward)
    right = functional.normalize(torch.linalg.cross(forward, up), dim=-1)
    facing = torch.stack((right, torch.linalg.cross(forward, right), forward), -2)
    yaw, pitch, roll = normal(_ASIDE[0]), normal(_ASIDE[1]), normal(_ROLL)
    turned = _about(2, roll) @ _about(0, pitch) @ _about(1, yaw) @ facing
    long, portrait = uniform(*_FIELD), uniform(0, 1) < 0.5
    short = long * uniform(0.55, 0.8)
    border = torch.stack((torch.where(portrait, short, long), torch.where(portrait, long, short)), -1)
    # The image is around where the camera looks; whoever is beside it is cut off by its border.
    return Cameras(turned, eye, border.clamp(min=0.25))


def _about(axis: int, angle: Tensor) -> Tensor:
    a, b = (axis + 1) % 3, (axis + 2) % 3
    out = torch.eye(3, device=angle.device).repeat(len(angle), 1, 1)
    out[:, a, a], out[:, a, b], out[:, b, a], out[:, b, b] = angle.cos(), -angle.sin(), angle.sin(), angle.cos()
    return out
