"""What the simulated landmarks are like: `python -m inference_backend.training.data.report --data FOLDER`.

Prints the figures in which a real landmarker's errors were measured, so that both can be laid side by side.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ...body.body import Body
from ...geometry.blazepose import BODY
from ...protocol.errors import RecoverError
from ..counts import count
from .archive import read_archive
from .occlusion import heights
from .posing import PosedBody, flat_handed
from .synthesis import Landmarks, Synthesis
from .windows import MotionWindows

_LAGS: Final = (1, 3, 8)


def error_figures(seen: Landmarks) -> dict[str, float]:
    """Figures of B windows, over the twelve large joints.

    Returns:
        2D errors in percent of the body's height (`clean`: windows where nothing is hidden; `occluded`: hidden
        landmarks; `spill`: visible ones while something is hidden), their constant, slow and white parts and lag
        correlations; `world PA` in mm and the spread of the world landmarks' depth; how visible hidden landmarks are
        reported; steps between frames; share of frames without anybody.
    """
    body = list(BODY)
    tall = heights(seen.true_rays)[:, None, None]
    difference = ((seen.rays - seen.true_rays) / tall[..., None])[:, :, body]
    error, hidden = 100 * difference.norm(dim=-1), seen.hidden[:, :, body]
    found = seen.found[..., None].expand_as(hidden)
    clear = ~seen.hidden[:, :, 11:].any(-1).any(-1) & seen.found.all(-1)
    clean = 100 * difference[clear]
    constant = clean.mean(1, keepdim=True)
    white = (clean[:, 2:] - 2 * clean[:, 1:-1] + clean[:, :-2]).square().mean().sqrt() / 6**0.5
    drift = clean - constant
    world = 1000 * _procrustes(seen.world[clear][:, :, body], seen.true_world[clear][:, :, body])
    deep = 1000 * (seen.world - seen.true_world)[clear][:, :, body, 2]
    steps = (seen.rays.diff(dim=1) / tall[..., None])[:, :, body].norm(dim=-1) * 100
    both = hidden[:, 1:] & hidden[:, :-1] & found[:, 1:] & found[:, :-1]
    out = {
        "windows without occlusion, %": 100 * clear.float().mean(),
        "clean: median error, %": error[clear].median(),
        "clean: 90th percentile, %": error[clear].quantile(0.9),
        "clean: constant part, %": constant.square().mean().sqrt(),
        "clean: drifting part, %": drift.square().mean().sqrt(),
        "clean: white part, %": white,
        "clean: world landmarks after Procrustes, mm": world.mean(),
        "clean: depth of world landmarks, std in time, mm": deep.std(1).mean(),
        "clean: depth of world landmarks, constant, mm": deep.mean(1).square().mean().sqrt(),
        "occluded: median error, %": error[hidden & found].median(),
        "occluded: 90th percentile, %": error[hidden & found].quantile(0.9),
        "occluded: reported visible (> 0.5), %": 100
        * (seen.visibility[:, :, body] > 0.5)[hidden & found].float().mean(),
        "occluded: median step a frame, %": steps[both].median(),
        "occluded: steps over 10 %, %": 100 * (steps > 10)[both].float().mean(),
        "seen while something is hidden: median error, %": error[~hidden & found & ~clear[:, None, None]].median(),
        "frames without anybody, %": 100 * (~seen.found).float().mean(),
    }
    for lag in _LAGS:
        pairs = (difference[clear][:, lag:] * difference[clear][:, :-lag]).mean((1, 3))
        own = difference[clear].square().mean((1, 3))
        shift = difference[clear].mean(1).square().mean(-1)
        out[f"clean: correlation after {lag} frames"] = ((pairs - shift) / (own - shift).clamp(min=1e-9)).median()
    return {name: float(value) for name, value in out.items()}


def _procrustes(a: Tensor, b: Tensor) -> Tensor:
    """Mean distance `[...]` of points `[...,J,3]` after the best similarity of a onto b (Umeyama, 1991)."""
    a, b = a - a.mean(-2, keepdim=True), b - b.mean(-2, keepdim=True)
    u, s, vt = torch.linalg.svd(a.mT @ b)
    sign = torch.ones_like(s)
    sign[..., 2] = torch.sign(torch.linalg.det(u @ vt))
    turn = (u * sign[..., None, :]) @ vt
    scale = (s * sign).sum(-1) / a.square().sum((-1, -2))
    return (scale[..., None, None] * a @ turn - b).norm(dim=-1).mean(-1)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m inference_backend.training.data.report", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with prepared motion")
    parser.add_argument("--windows", type=count, default=512)
    parser.add_argument("--frames", type=count, default=64)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    try:
        body = flat_handed(Body.load(None))
        generator = torch.Generator().manual_seed(arguments.seed)
        windows = MotionWindows(read_archive(arguments.data / "val.npz", body.sha256), body, generator)
        batch = Synthesis(PosedBody(body, [0]), generator).batch(windows.draw(arguments.windows, arguments.frames))
        for name, value in error_figures(batch.landmarks).items():
            print(f"{name:60s} {value:8.2f}")
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
