"""Guiding the sampling by what was observed: an option, off unless asked for.

In the last half of the steps the network's clean path gives way to the minimiser of the fusion's own quadratic and the
distance from that clean path, counted in the noise that is left.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .canonical import Scale, about_y


@dataclass(frozen=True)
class Guide:
    """Observed windows, B of N frames, canonical.

    Attributes:
        path: `[B,N,3]`, metres.
        precision: `[B,N,3,3]`, 1/m^2; zeros where nothing was seen.
        speed_sigma: m/s, how far the network's velocity is trusted.
        fps: frames a second.
    """

    path: Tensor
    precision: Tensor
    speed_sigma: float
    fps: float


def canonical_precision(precision: Tensor, yaw: Tensor) -> Tensor:
    """Precisions `[B,N,3,3]` in the world's axes, in those of windows with headings `yaw [B]`."""
    back = about_y(-yaw)[:, None].to(precision.dtype)
    return back @ precision @ back.mT


def refiner(guide: Guide, scale: Scale) -> Callable[[Tensor, float], Tensor]:
    """A function for `diffusion.sample`: the guided path for a clean one `[B,N,3]` (normalised) and the noise left.

    It minimises `sum_t (x_t-o_t)^T P_t (x_t-o_t) + sum_t |(x_{t+1}-x_t) - (y_{t+1}-y_t)|^2 / (sigma_v/fps)^2 +
    |x-y|^2 / s^2`, y the network's path and s the noise over the signal, in the path's own scale.
    """
    batch, count, _ = guide.path.shape
    # Apple's GPUs have no double precision.
    device = torch.device("cpu") if guide.path.device.type == "mps" else guide.path.device
    double = torch.float64
    step = torch.zeros(count - 1, count, dtype=double, device=device)
    rows = torch.arange(count - 1, device=device)
    step[rows, rows], step[rows, rows + 1] = -1.0, 1.0
    stiff = step.T @ step * (guide.fps / guide.speed_sigma) ** 2
    rigid = torch.kron(stiff, torch.eye(3, dtype=double, device=device))
    seen = guide.precision.to(device, double)
    towards = (seen @ guide.path.to(device, double)[..., None]).reshape(batch, -1)
    observed = torch.zeros(batch, count, 3, count, 3, dtype=double, device=device)
    frames = torch.arange(count, device=device)
    observed[:, frames, :, frames] = seen.transpose(0, 1)
    normal = observed.reshape(batch, 3 * count, 3 * count) + rigid

    def refine(clean: Tensor, left: float) -> Tensor:
        y = scale.metres(clean).to(device, double).reshape(batch, -1)
        near = 1 / (left * torch.tensor(scale.std, dtype=double, device=device).repeat(count)) ** 2
        right = towards + near * y + y @ rigid
        x = torch.linalg.solve(normal + torch.diag(near), right[..., None])
        return scale.path(x.reshape(batch, count, 3)).to(clean)

    return refine
