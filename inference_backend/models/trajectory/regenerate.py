"""Paths for people from what their bodies do: all windows of all people in one batch."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .canonical import Scale, Window, canonicalise, make_condition, to_world
from .denoiser import TrajDenoiser
from .diffusion import alpha_bar, sample
from .guidance import Guide, canonical_precision, refiner
from .windows import LENGTH, stitch, window_starts

FPS = 30.0
"""The network's frame rate."""


@dataclass(frozen=True)
class PathPrior:
    """A regenerated path of N frames.

    Attributes:
        path: `[N,3]`, metres, world axes; x and z from an arbitrary place, y over the floor.
        sigma_v: `[N]`, m/s, spread of the seeds' velocities; NaN with one seed.
        windows, seeds: how many.
    """

    path: Tensor
    sigma_v: Tensor
    windows: int
    seeds: int


@torch.no_grad()
def regenerate(
    network: TrajDenoiser,
    scale: Scale,
    people: list[Tensor],
    *,
    steps: int,
    seeds: int = 1,
    seed: int = 0,
    batch: int = 64,
    precisions: list[Tensor] | None = None,
    speed_sigma: float = 0.1,
    tick: Callable[[float], None] = lambda _fraction: None,
) -> list[PathPrior]:
    """Regenerate the paths of people.

    Args:
        network: in evaluation mode, on its device.
        scale: of its paths and joints.
        people: each `[N,24,3]`, joints in the world at `FPS`, metres, y up, floor at y = 0; N >= 2.
        steps: of the sampling.
        seeds: how many paths to draw of each window; their mean is the path.
        seed: of the noise; the same seed, the same paths.
        batch: windows at once.
        precisions: for each person `[N,3,3]`, 1/m^2, world axes, zeros where not seen: how well the pelvis of `people`
            was observed; guides the sampling by it. None leaves it to the body's motion alone.
        speed_sigma: of that guidance, m/s.
        tick: told the fraction that is done, between batches.

    Returns:
        The paths, in the order given, on the CPU.
    """
    if not people:
        return []
    starts = [window_starts(len(joints)) for joints in people]
    longest = max(min(len(joints), LENGTH) for joints in people)
    windows, masks, seen = [], [], []
    for person, own in enumerate(starts):
        for start in own:
            part = people[person][start : start + longest]
            rest = longest - len(part)
            windows.append(torch.cat([part, part[-1:].expand(rest, -1, -1)]))
            masks.append(torch.arange(longest) < len(part))
            if precisions is not None:
                known = precisions[person][start : start + longest]
                seen.append(torch.cat([known, known.new_zeros(rest, 3, 3)]))
    device = next(network.parameters()).device
    world = canonicalise(torch.stack(windows).float())
    condition = make_condition(world.joints, scale)
    mask = torch.stack(masks)
    precision = canonical_precision(torch.stack(seen), world.yaw) if seen else None
    # All windows get the same noise, so that neither other people nor the batch's size change a path, and neighbours
    # agree.
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(seeds, 1, LENGTH, 3, generator=generator)[:, :, :longest].expand(-1, len(windows), -1, -1)
    drawn = torch.empty(seeds, len(windows), longest, 3)
    bars = alpha_bar(network.config.train_steps)
    parts = [(k, slice(at, at + batch)) for k in range(seeds) for at in range(0, len(windows), batch)]
    for i, (k, rows) in enumerate(parts):
        joints = condition[rows].to(device)
        shown = None if bool(mask[rows].all()) else mask[rows].to(device)
        predict = _predictor(network, joints, shown)
        refine = None
        if precision is not None:
            guide = Guide(world.path[rows].to(device), precision[rows].to(device), speed_sigma, FPS)
            refine = refiner(guide, scale)
        clean = sample(predict, noise[k, rows].to(device), bars, steps, refine)
        own = Window(world.path[rows], world.joints[rows], world.yaw[rows], world.origin[rows])
        drawn[k, rows] = to_world(scale.metres(clean).float().cpu(), own)
        tick((i + 1) / len(parts))
    out, at = [], 0
    for joints, own in zip(people, starts, strict=True):
        paths = torch.stack([stitch(drawn[k, at : at + len(own)], own, len(joints)) for k in range(seeds)])
        at += len(own)
        out.append(PathPrior(paths.mean(0), _spread(paths), len(own), seeds))
    return out


def _predictor(network: TrajDenoiser, joints: Tensor, shown: Tensor | None) -> Callable[[Tensor, int], Tensor]:
    code = network.encode(joints)

    def predict(x: Tensor, level: int) -> Tensor:
        return network(x, torch.full((len(x),), level, device=x.device), joints, shown, code)

    return predict


def _spread(paths: Tensor) -> Tensor:
    """Standard deviation `[N]` over seeds of the velocities of paths `[K,N,3]`, per axis."""
    if len(paths) < 2 or paths.shape[1] < 2:
        return torch.full((paths.shape[1],), torch.nan)
    variance = (paths.diff(dim=1) * FPS).var(dim=0).mean(-1)
    return torch.cat([variance[:1], variance]).sqrt()
