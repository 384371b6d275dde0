"""What estimators get wrong, put into the condition in training."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .canonical import about_y

_LIMBS = ((1, 4, 7, 10), (2, 5, 8, 11), (13, 16, 18, 20, 22), (14, 17, 19, 21, 23))


@dataclass(frozen=True)
class Corruption:
    """How much.

    Attributes:
        jitter_m: joints shake slowly by up to this, metres.
        limb: share of windows in which a limb freezes, or takes its mean pose, for 10 to 40 frames.
        tilt_deg: the vertical is off by up to this; heading_deg: heading drifts over a window by up to this.
        scale: the body's size is wrong by up to this share.
    """

    jitter_m: float = 0.03
    limb: float = 0.1
    tilt_deg: float = 4.0
    heading_deg: float = 5.0
    scale: float = 0.05


def corrupt_condition(joints: Tensor, settings: Corruption, generator: torch.Generator) -> Tensor:
    """Corrupt windows of joints.

    Args:
        joints: `[B,N,24,3]`, minus the pelvis, metres.
        settings: how much.
        generator: on the joints' device; the same state, the same corruption.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=joints.device, dtype=joints.dtype)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=joints.device, dtype=joints.dtype)

    B, N, J, _ = joints.shape
    out = joints.clone()
    limb = uniform(B) < settings.limb
    for b in torch.nonzero(limb).flatten().tolist():
        limb_joints = list(_LIMBS[int(uniform(1) * len(_LIMBS)) % len(_LIMBS)])
        length = min(10 + int(uniform(1) * 31), N)
        start = int(uniform(1) * (N - length + 1))
        frozen = out[b, start, limb_joints] if uniform(1) < 0.5 else joints[b][:, limb_joints].mean(0)
        out[b, start : start + length, limb_joints] = frozen
    # A walk that forgets: noise over about ten frames.
    noise = normal(B, N, J, 3)
    kernel = torch.hann_window(13, periodic=False, device=joints.device, dtype=joints.dtype)[1:-1]
    kernel = kernel / kernel.square().sum().sqrt()
    flat = noise.permute(0, 2, 3, 1).reshape(-1, 1, N)
    slow = torch.nn.functional.conv1d(flat, kernel[None, None], padding=len(kernel) // 2)
    slow = slow.reshape(B, J, 3, N).permute(0, 3, 1, 2)
    out = out + settings.jitter_m * uniform(B, 1, 1, 1) * slow
    out = out * (1 + settings.scale * (2 * uniform(B, 1, 1, 1) - 1))
    tilt, about = math.radians(settings.tilt_deg) * uniform(B), 2 * math.pi * uniform(B)
    leaning = torch.zeros(B, 3, 3, dtype=joints.dtype, device=joints.device)
    leaning[:, 0, 1], leaning[:, 2, 1] = -about.sin(), about.cos()
    leaning[:, 1, 0], leaning[:, 1, 2] = about.sin(), -about.cos()
    tilted = torch.linalg.matrix_exp(tilt[:, None, None] * leaning)
    drift = math.radians(settings.heading_deg) * (2 * uniform(B, 1) - 1)
    turning = about_y(drift * torch.linspace(0, 1, N, device=joints.device, dtype=joints.dtype))
    return torch.einsum("bnij,bnkj->bnki", turning @ tilted[:, None], out - out[..., :1, :])
