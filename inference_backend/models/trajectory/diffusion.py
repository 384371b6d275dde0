"""The noise schedule and deterministic sampling of the trajectory denoiser.

Schedule: cosine (Nichol and Dhariwal, ICML 2021, equation 17). Sampling: DDIM with eta = 0 (Song et al., ICLR 2021,
equation 12), for a network that predicts the clean sample, at trailing steps (Lin et al., WACV 2024, table 2).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

MAX_BETA = 0.999


def alpha_bar(steps: int) -> Tensor:
    """The share of the signal left at each noise level, float64 `[steps]`, falling."""
    level = torch.arange(steps + 1, dtype=torch.float64) / steps
    wanted = torch.cos((level + 0.008) / 1.008 * math.pi / 2) ** 2
    beta = (1 - wanted[1:] / wanted[:-1]).clamp_max(MAX_BETA)
    return torch.cumprod(1 - beta, dim=0)


def add_noise(clean: Tensor, noise: Tensor, step: Tensor, bars: Tensor) -> Tensor:
    """`x_t = sqrt(ab_t) x_0 + sqrt(1 - ab_t) eps` for paths `[B,N,3]` and levels `[B]`."""
    bar = bars.to(clean.device)[step].to(clean.dtype)[:, None, None]
    return bar.sqrt() * clean + (1 - bar).sqrt() * noise


def trailing(steps: int, count: int) -> list[int]:
    """`count` of the levels 0 .. steps-1, falling from the last one at even spacing, e.g. 999, 989, ..., 9."""
    return [round(steps * (count - i) / count) - 1 for i in range(count)]


def sample(
    predict: Callable[[Tensor, int], Tensor],
    start: Tensor,
    bars: Tensor,
    count: int,
    refine: Callable[[Tensor, float], Tensor] | None = None,
) -> Tensor:
    """Denoise.

    Args:
        predict: the clean sample for a noisy one and its level.
        start: noise, any shape.
        bars: from `alpha_bar`.
        count: steps.
        refine: corrects the clean sample in the last half of the steps, told the noise left over the signal.

    Returns:
        The clean sample, shape of `start`.
    """
    x = start
    levels = trailing(len(bars), count)
    for i, (level, below) in enumerate(zip(levels, [*levels[1:], -1], strict=True)):
        bar, after = float(bars[level]), float(bars[below]) if below >= 0 else 1.0
        clean = predict(x, level)
        if refine is not None and 2 * i >= count:
            clean = refine(clean, math.sqrt((1 - bar) / bar))
        noise = (x - math.sqrt(bar) * clean) / math.sqrt(1 - bar)
        x = math.sqrt(after) * clean + math.sqrt(1 - after) * noise
    return x
