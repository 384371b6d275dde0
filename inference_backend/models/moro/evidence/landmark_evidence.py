"""BlazePose landmarks as evidence tokens: the open configuration's eyes.

Everything is expressed in a virtual camera that looks at the person, one for each window, so that focal length and
place in the image disappear from the task. A token holds the landmark's place relative to the person's box there, its
visibility, its world landmark, and whether it was found. Training and recovery share this code.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .window import WindowEvidence

GROUPS: Final = ((0, 7, 8, 9), (11, 12, 23, 24), (13, 15, 17, 19), (14, 16, 18, 20), (25, 27, 29, 31), (26, 28, 30, 32))
"""Landmarks by part of the body (head, trunk, arms, legs), four each, for networks that take a token for each part."""
CHANNELS: Final = 7
"""x, y (half box sides), visibility, world x, y, z (metres), found."""
_TORSO: Final = (11, 12, 23, 24)
_MARGIN: Final = 1.2
_SMALLEST_SIDE: Final = 1e-2
_BEYOND: Final = 4.0
"""Landmarks further from the box's centre than this many half sides are cut off there."""
_NEAREST: Final = 0.1
_STEADY: Final = 4.0
"""Standard deviation in frames of the average that steadies the box: what jumps should jump in it, not with it."""
_EMPTY_BOX: Final = (0.0, 0.0, 0.5)
"""Box feature where a window shows nobody: a person of usual size, straight ahead, some four metres away."""


class LandmarkTokens(NamedTuple):
    """Landmarks of B windows as evidence; attributes as in `window.WindowEvidence`, with a leading axis B."""

    tokens: Tensor
    valid: Tensor
    box: Tensor
    to_camera: Tensor


def virtual_view(rays: Tensor, usable: Tensor) -> Tensor:
    """One rotation for each window, from the camera into a view that looks at the person.

    Args:
        rays: `[B,T,33,2]`, undistorted x/z, y/z.
        usable: bool `[B,T,33]`.

    Returns:
        `[B,3,3]`: its rows are the view's axes (x level, y down, z towards the mean of the torso's landmarks); identity
        where nothing is usable.
    """
    weight = usable[:, :, _TORSO].float()
    weight = torch.where(weight.sum((1, 2), keepdim=True) > 0, weight, usable.float().mean(2, keepdim=True) * 1e-3)
    toward = functional.normalize(functional.pad(rays[:, :, _TORSO], (0, 1), value=1.0), dim=-1)
    forward = (toward * weight[..., None]).sum((1, 2))
    ahead = torch.tensor([0.0, 0.0, 1.0]).to(rays)
    forward = functional.normalize(torch.where(weight.sum((1, 2))[:, None] > 0, forward, ahead), dim=-1)
    down = torch.tensor([0.0, 1.0, 0.0]).to(rays).expand_as(forward)
    right = functional.normalize(torch.linalg.cross(down, forward), dim=-1)
    return torch.stack((right, torch.linalg.cross(forward, right), forward), -2)


def fill_gaps(values: Tensor, has: Tensor) -> Tensor:
    """Interpolate `values [B,T,C]` linearly over frames where `has [B,T]` is False; constant at the ends.

    Where a row has nothing at all, its values stay as they are.
    """
    n_frames = values.shape[1]
    index = torch.arange(n_frames, device=values.device).expand(has.shape)
    before = torch.where(has, index, -1).cummax(1).values
    after = torch.where(has, index, n_frames).flip(1).cummin(1).values.flip(1)
    low = torch.where(before < 0, after, before).clamp(0, n_frames - 1)
    high = torch.where(after >= n_frames, before, after).clamp(0, n_frames - 1)
    share = ((index - low) / (high - low).clamp(min=1)).clamp(0, 1)[..., None].to(values.dtype)

    def at(place: Tensor) -> Tensor:
        return values.gather(1, place[..., None].expand_as(values))

    filled = at(low) * (1 - share) + at(high) * share
    return torch.where(has.any(1)[:, None, None], filled, values)


def landmark_tokens(rays: Tensor, visibility: Tensor, world: Tensor, found: Tensor) -> LandmarkTokens:
    """Turn landmarks into evidence.

    Args:
        rays: `[B,T,33,2]`, undistorted x/z, y/z in the camera.
        visibility: `[B,T,33]`, 0..1.
        world: `[B,T,33,3]`, world landmarks in metres, in the view of the person's own region.
        found: bool `[B,T]`, frames with landmarks. Landmarks that are not finite count as not found.
    """
    finite = rays.isfinite().all(-1) & world.isfinite().all(-1) & visibility.isfinite()
    usable = found[..., None] & finite
    rays, world = (x.masked_fill(~usable[..., None], 0.0) for x in (rays, world))
    visibility = visibility.masked_fill(~usable, 0.0).clamp(0, 1)
    view = virtual_view(rays, usable)
    turned = functional.pad(rays, (0, 1), value=1.0) @ view.mT[:, None]
    places = turned[..., :2] / turned[..., 2:].clamp(min=_NEAREST)

    hidden = ~usable[..., None]
    low = places.masked_fill(hidden, torch.inf).amin(2)
    high = places.masked_fill(hidden, -torch.inf).amax(2)
    seen = usable.any(2)
    side = ((high - low).amax(-1, keepdim=True) * _MARGIN).clamp(min=_SMALLEST_SIDE)
    box = torch.cat(((low + high) / 2, side), -1)
    box = torch.where(seen[..., None], box, torch.tensor(_EMPTY_BOX).to(box))
    box = _steady(fill_gaps(box, seen))

    local = (places - box[:, :, None, :2]) / (box[:, :, None, 2:] / 2)
    there = usable[..., None].to(rays.dtype)
    tokens = torch.cat((local.clamp(-_BEYOND, _BEYOND), visibility[..., None], world.clamp(-3, 3), there), -1)
    return LandmarkTokens(tokens * there, usable, box, view.mT)


def _steady(box: Tensor) -> Tensor:
    """Average boxes `[B,T,3]` over time with a Gaussian, cut off and made up for at the ends."""
    if box.shape[1] == 1:
        return box
    frame = torch.arange(box.shape[1], device=box.device)
    weight = torch.exp(-0.5 * ((frame[:, None] - frame) / _STEADY) ** 2).to(box.dtype)
    return (weight / weight.sum(1, keepdim=True)) @ box


class LandmarkSource:
    """A person's landmarks through a clip as evidence (see `window.EvidenceSource`).

    Args:
        rays, visibility, world, found: as for `landmark_tokens`, without the axis B.
    """

    def __init__(self, rays: Tensor, visibility: Tensor, world: Tensor, found: Tensor) -> None:
        self._arrays = (rays.float(), visibility.float(), world.float(), found)

    def __len__(self) -> int:
        return len(self._arrays[0])

    def window(self, start: int, stop: int) -> WindowEvidence:
        """Evidence of frames start .. stop - 1."""
        made = landmark_tokens(*(x[None, start:stop] for x in self._arrays))
        return WindowEvidence(made.tokens[0], made.valid[0], made.box[0], made.to_camera[0])
