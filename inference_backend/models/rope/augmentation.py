"""Augmentation in Rope's training: mirrored people, jittered boxes and things in the way.

The paper does not state its recipe; this follows PARE and the practice of synthetic occlusion.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from ...body.body import Body
from ...geometry.blazepose import MIRROR
from ...protocol.skeleton import BODY_JOINTS, JOINTS
from .parts import part_levels
from .proxy import USED

_FINGER_ROOTS: Final = tuple(JOINTS.index(f"{side}_middle1") for side in ("left", "right"))
_WRISTS: Final = tuple(BODY_JOINTS.index(f"{side}_wrist") for side in ("left", "right"))


@dataclass(frozen=True)
class OcclusionSettings:
    """How often and how much.

    Attributes:
        objects: probability of 1 to 7 blobs, each 0.08 to 0.4 of the box wide.
        rectangle: probability of a rectangle over 10 to 50 % of the picture.
        part: probability of a disc of 0.1 to 0.25 of the box about a joint.
        crop: probability that everything beyond a line through a joint is cut away, mostly the legs.
    """

    objects: float = 0.5
    rectangle: float = 0.2
    part: float = 0.3
    crop: float = 0.2


def draw_occlusions(
    places: Tensor,
    size: tuple[int, int],
    generator: torch.Generator | None = None,
    settings: OcclusionSettings | None = None,
) -> Tensor:
    """Things in the way of people: bool `[B,h,w]`, True where covered.

    Args:
        places: `[B,24,2]`, joints in the picture, x in 0..1 over its width and y over its height.
        size: height and width.
        generator: source of chance.
        settings: None for the usual.
    """
    settings = settings or OcclusionSettings()
    covers = torch.zeros(len(places), *size, dtype=torch.bool)
    for cover, joints in zip(covers, places.cpu(), strict=True):
        if _chance(generator) < settings.objects:
            for _ in range(int(torch.randint(1, 8, (), generator=generator))):
                centre = torch.rand(2, generator=generator)
                cover |= _blob(size, centre, 0.5 * _between(0.08, 0.4, generator), generator)
        if _chance(generator) < settings.rectangle:
            cover |= _rectangle(size, generator)
        if _chance(generator) < settings.part:
            joint = joints[int(torch.randint(len(joints), (), generator=generator))]
            cover |= _disc(size, joint, _between(0.1, 0.25, generator))
        if _chance(generator) < settings.crop:
            cover |= _beyond(size, joints, generator)
    return covers.to(places.device)


def _chance(generator: torch.Generator | None) -> float:
    return float(torch.rand((), generator=generator))


def _between(low: float, high: float, generator: torch.Generator | None) -> float:
    return low + (high - low) * _chance(generator)


def _grid(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """x and y of pixel middles, 0..1 over width and height."""
    y, x = torch.meshgrid(*((torch.arange(n) + 0.5) / n for n in size), indexing="ij")
    return x, y


def _away(size: tuple[int, int], centre: Tensor) -> tuple[Tensor, Tensor]:
    """Distance from a point in heights of the picture, and the angle there."""
    x, y = _grid(size)
    dx, dy = (x - centre[0]) * size[1] / size[0], y - centre[1]
    return torch.hypot(dx, dy), torch.atan2(dy, dx)


def _disc(size: tuple[int, int], centre: Tensor, radius: float) -> Tensor:
    return _away(size, centre)[0] < radius


def _blob(size: tuple[int, int], centre: Tensor, radius: float, generator: torch.Generator | None) -> Tensor:
    """A closed outline whose distance from the middle waves, as cut-outs of things have it."""
    distance, angle = _away(size, centre)
    outline = torch.full_like(distance, radius)
    for wave in (2, 3, 5):
        outline += 0.3 / wave * radius * torch.sin(wave * angle + _between(0, 2 * math.pi, generator))
    return distance < outline


def _rectangle(size: tuple[int, int], generator: torch.Generator | None) -> Tensor:
    area, tall = _between(0.1, 0.5, generator), math.exp(_between(-0.9, 0.9, generator))
    height, width = min(1.0, math.sqrt(area * tall)), min(1.0, math.sqrt(area / tall))
    x, y = _grid(size)
    left, top = _between(0, 1 - width, generator), _between(0, 1 - height, generator)
    return (x >= left) & (x < left + width) & (y >= top) & (y < top + height)


_LINES: Final = ("left_knee", "right_knee", "pelvis", "spine2", "left_ankle", "right_ankle")


def _beyond(size: tuple[int, int], joints: Tensor, generator: torch.Generator | None) -> Tensor:
    name = _LINES[int(torch.randint(len(_LINES), (), generator=generator))]
    x, y = _grid(size)
    if _chance(generator) < 0.8:
        return y > joints[BODY_JOINTS.index(name), 1]
    at = joints[BODY_JOINTS.index("pelvis"), 0]
    return x > at if _chance(generator) < 0.5 else x < at


def occluded_at(covers: Tensor, places: Tensor) -> Tensor:
    """Whether points `[B,P,2]` (as in `draw_occlusions`) lie under covers `[B,h,w]` or outside: bool `[B,P]`."""
    height, width = covers.shape[1:]
    column, row = (places * places.new_tensor((width, height))).floor().long().unbind(-1)
    outside = (column < 0) | (column >= width) | (row < 0) | (row >= height)
    index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    return covers.flatten(1).gather(1, index) | outside


def paint_occlusions(images: Tensor, covers: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """RGB crops `[B,3,H,W]` in 0..1 with covers `[B,h,w]` painted in, soft at the border, each in a mottled colour."""
    batch, _, height, width = images.shape
    mask = functional.interpolate(covers[:, None].to(images), (height, width), mode="bilinear")
    soft = functional.avg_pool2d(mask, 5, 1, 2, count_include_pad=False)
    colour = torch.rand(batch, 3, 1, 1, generator=generator)
    mottle = 0.25 * torch.randn(batch, 3, 8, 6, generator=generator)
    paint = (colour + functional.interpolate(mottle, (height, width), mode="bilinear")).clamp(0, 1).to(images)
    return images * (1 - soft) + paint * soft


def channel_noise(images: Tensor, generator: torch.Generator | None = None, amount: float = 0.4) -> Tensor:
    """RGB crops with each colour made stronger or weaker by up to `amount`."""
    factor = 1 + amount * (2 * torch.rand(len(images), 3, 1, 1, generator=generator) - 1)
    return (images * factor.to(images)).clamp(0, 1)


def jitter_box(
    box: Tensor, generator: torch.Generator | None = None, scale: float = 0.25, shift: float = 0.1
) -> Tensor:
    """Square boxes `[B,3]` made larger or smaller by up to `scale`, and moved by up to `shift` of their side."""
    chance = (2 * torch.rand(box.shape, generator=generator) - 1).to(box)
    side = box[:, 2:] * (1 + scale * chance[:, 2:])
    return torch.cat((box[:, :2] + shift * chance[:, :2] * box[:, 2:], side), 1)


def mirror_proxy(images: Tensor) -> Tensor:
    """Proxy images of the mirrored person."""
    used = list(USED)
    swap = torch.tensor([used.index(MIRROR[i]) for i in used], device=images.device)
    channels = torch.cat((swap, swap + len(used), swap.new_tensor([2 * len(used)])))
    return images[:, channels].flip(-1)


def mirror_pose(rotations: Tensor) -> Tensor:
    """Rotations `[...,22,3,3]` of the mirrored person, seen by the mirrored camera."""
    sides = list(part_levels()["indep"].mirror[: len(BODY_JOINTS)])
    sign = rotations.new_tensor([[1, -1, -1], [-1, 1, 1], [-1, 1, 1]])
    return rotations[..., sides, :, :] * sign


def part_joints(body: Body, betas: Tensor, joints: Tensor, rotations: Tensor) -> Tensor:
    """The 24 joints `[B,24,3]`: what `Body.skeleton` returns, and the roots of the middle fingers."""
    rest = body.rest_joints(betas)
    arms = rest[:, list(_FINGER_ROOTS)] - rest[:, list(_WRISTS)]
    turned = (rotations[:, list(_WRISTS)] @ arms[..., None]).squeeze(-1)
    return torch.cat((joints, joints[:, list(_WRISTS)] + turned), 1)
