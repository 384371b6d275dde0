"""Whole bodies that a landmarker fits into the part it sees: hips drawn up, limbs and trunk turned in depth instead.

Seen where a box is laid over the legs of the rendered sample: hips move up by 1 to 4 % of the stature though they are
in full view and told with a visibility of 1, legs come out a tenth to a fifth too short, and in the world landmarks the
trunk leans towards the camera by as much as makes up for it. People who are not just standing suffer more.
"""

from typing import Final

import roma
import torch
from torch import Tensor

from ...geometry.blazepose import HIPS, LEG_PAIRS, SHOULDERS
from ...geometry.shortest_turn import shortest_turn
from .noise import LEVELS, uniform
from .occlusion import draw_runs

_LEGS: Final = [landmark for pair in LEG_PAIRS for landmark in pair]
_LOWER: Final = [[landmark in (*HIPS, *_LEGS)] for landmark in range(33)]
_PULL: Final = 0.35
"""Largest share of the trunk by which hips are drawn up."""


def draw_pull(hidden: Tensor, generator: torch.Generator) -> Tensor:
    """How far hips that are seen are drawn towards the shoulders while legs are hidden: the landmarker fits a whole
    body into what it sees. A share of the trunk `[B,T]`, from what is hidden (bool `[B,T,33]`)."""
    batch, frames = hidden.shape[:2]
    drawn = draw_runs(batch, frames, 9.0, generator).pick(uniform((batch, frames), generator))
    legless = hidden[:, :, _LEGS].float().mean(-1) > 0.7
    return _PULL * drawn**2 * legless


def pull_hips(places: Tensor, pull: Tensor) -> Tensor:
    """Places `[B,T,33,2]` whose hips and legs are drawn towards the shoulders by a share of the trunk `[B,T]`."""
    trunk = places[:, :, SHOULDERS].mean(2) - places[:, :, HIPS].mean(2)
    lower = torch.tensor(_LOWER, device=places.device)
    return places + lower * (pull[..., None] * trunk)[:, :, None]


def lean_trunk(world: Tensor, pull: Tensor) -> Tensor:
    """World landmarks `[B,T,33,3]` of somebody whose trunk is seen shorter than it is by a share `[B,T]`: all above the
    hips leans towards the camera, so that the trunk keeps its length."""
    hips = world[:, :, HIPS].mean(2)
    trunk = world[:, :, SHOULDERS].mean(2) - hips
    seen = (1 - pull[..., None]) * trunk[..., :2]
    deep = (trunk.square().sum(-1, keepdim=True) - seen.square().sum(-1, keepdim=True)).clamp(min=1e-6).sqrt()
    # Who leans away already is taken to lean away further.
    sign = torch.where(trunk[..., 2:] > 0.15, 1.0, -1.0)
    turn = roma.rotvec_to_rotmat(shortest_turn(trunk, torch.cat((seen, sign * deep), -1)))
    leaning = hips[:, :, None] + (turn[:, :, None] @ (world - hips[:, :, None])[..., None])[..., 0]
    lower = torch.tensor(_LOWER, device=world.device)
    return torch.where(lower | (pull <= 0)[..., None, None], world, leaning)


def turn_in_depth(world: Tensor, idea: Tensor, hidden: Tensor, generator: torch.Generator) -> Tensor:
    """Ideas `[B,T,33,3]` of hidden world landmarks whose bones keep their lengths, where they can: a limb that is taken
    for shorter in the picture is taken for turned away from the camera, or towards it.

    Args:
        world: `[B,T,33,3]`, before anything was hidden.
        idea: `[B,T,33,3]`; its x and y are kept.
        hidden: bool `[B,T,33]`.
        generator: source of chance.
    """
    batch, frames = hidden.shape[:2]
    away = draw_runs(batch, frames, 9.0, generator).pick(uniform((batch, frames), generator)) < 0.75
    sign = torch.where(away, 1.0, -1.0)[..., None]
    out = idea.clone()
    for level in LEVELS:
        child, parent = [row[0] for row in level], [row[1] for row in level]
        length = (world[:, :, child] - world[:, :, parent]).square().sum(-1)
        across = (out[:, :, child, :2] - out[:, :, parent, :2]).square().sum(-1)
        depth = out[:, :, parent, 2] + sign * (length - across).clamp(min=0).sqrt()
        out[:, :, child, 2] = torch.where(hidden[:, :, child], depth, out[:, :, child, 2])
    return out
