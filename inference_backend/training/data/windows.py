"""Random windows of motion, drawn and augmented on the device: mirrored copies, other speeds, other bodies."""

from typing import Final, NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor

from ...body.body import Body
from ...protocol.errors import ErrorCode, RecoverError
from ...protocol.skeleton import BODY_JOINTS
from .archive import ANGLE_UNIT, LENGTH_UNIT, MotionArchive

_SPEEDS: Final = (0.75, 1.3)
_BETA_KEPT, _BETA_SPREAD, _BETA_LIMIT = 0.5, 0.85, 2.5


class Windows(NamedTuple):
    """B windows of T frames at 30 frames a second; world y up, floor y = 0.

    Attributes:
        rotations: `[B,T,22,3,3]`, pelvis to world, then local.
        pelvis: `[B,T,3]`, metres.
        betas: `[B,10]`.
    """

    rotations: Tensor
    pelvis: Tensor
    betas: Tensor


def mirror_order() -> list[int]:
    """For each body joint its counterpart on the other side."""
    swap = {"left": "right", "right": "left"}
    return [BODY_JOINTS.index("_".join(swap.get(w, w) for w in name.split("_"))) for name in BODY_JOINTS]


def mirrored(rotations: Tensor, pelvis: Tensor) -> tuple[Tensor, Tensor]:
    """Reflect motion `[...,22,3,3]`, `[...,3]` through the plane x = 0."""
    flip = torch.tensor([-1.0, 1.0, 1.0]).to(pelvis)
    turned = rotations[..., mirror_order(), :, :] * flip[:, None] * flip
    return turned, pelvis * flip


class MotionWindows:
    """Draws windows of a split.

    Args:
        archive: the motion.
        body: the body that it is on, on the device to work on.
        generator: source of chance, on the same device.
        augment: mirror, change speed and shape.
    """

    def __init__(self, archive: MotionArchive, body: Body, generator: torch.Generator, augment: bool = True) -> None:
        device = body.v_template.device
        self.generator, self.augment = generator, augment
        self._rotvec = torch.from_numpy(archive.rotvec).to(device)
        self._pelvis = torch.from_numpy(archive.pelvis).to(device)
        lengths = np.diff(archive.ends, prepend=0)
        self._first = torch.from_numpy(archive.ends - lengths).to(device)
        self._length = torch.from_numpy(lengths).to(device)
        self._betas = torch.from_numpy(archive.betas).to(device)
        self._body = body

    def draw(self, batch: int, frames: int) -> Windows:
        """Windows from clips of at least `frames` frames, longer clips more often.

        Raises:
            RecoverError: no clip is that long.
        """
        weight = (self._length - frames + 1).clamp(min=0).float()
        if not (weight > 0).any():
            raise RecoverError(
                ErrorCode.BAD_SETTING,
                f"No clip of the prepared motion has {frames} frames.",
                "Ask for shorter windows.",
            )
        clip = torch.multinomial(weight, batch, replacement=True, generator=self.generator)
        length, spare = self._length[clip].float(), (self._length[clip] - frames).float()
        speed = torch.ones_like(spare)
        if self.augment:
            low, high = _SPEEDS
            wanted = low + (high - low) * self._uniform(batch)
            wanted = torch.where(self._uniform(batch) < 0.5, wanted, 1.0)
            speed = torch.minimum(wanted, (length - 1) / max(frames - 1, 1))
        start = self._uniform(batch) * (length - 1 - speed * (frames - 1)).clamp(min=0)
        if not self.augment:
            start = start.round()
        return self._augmented(clip, self._at(clip, start, speed, frames))

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator, device=self._rotvec.device)

    def _at(self, clip: Tensor, start: Tensor, speed: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        place = start[:, None] + speed[:, None] * torch.arange(frames, device=start.device)
        place = torch.minimum(place, (self._length[clip] - 1).float()[:, None])
        low = place.floor().long()
        share = (place - low)[..., None]
        high = torch.minimum(low + 1, self._length[clip][:, None] - 1)
        first = self._first[clip][:, None]
        a, b = (roma.rotvec_to_unitquat(self._rotvec[first + i].float() * ANGLE_UNIT) for i in (low, high))
        b = torch.where((a * b).sum(-1, keepdim=True) < 0, -b, b)
        turned = torch.nn.functional.normalize(torch.lerp(a, b, share[..., None]), dim=-1)
        pelvis = torch.lerp(self._pelvis[first + low].float(), self._pelvis[first + high].float(), share)
        return roma.unitquat_to_rotmat(turned), pelvis * LENGTH_UNIT

    def _augmented(self, clip: Tensor, motion: tuple[Tensor, Tensor]) -> Windows:
        rotations, pelvis = motion
        betas = self._betas[clip]
        if not self.augment:
            return Windows(rotations, pelvis, betas)
        noise = torch.randn(betas.shape, generator=self.generator, device=betas.device)
        varied = (_BETA_KEPT * betas + _BETA_SPREAD * noise).clamp(-_BETA_LIMIT, _BETA_LIMIT)
        pelvis = pelvis * (self._leg(varied) / self._leg(betas))[:, None, None]
        flip = self._uniform(len(clip)) < 0.5
        other = mirrored(rotations, pelvis)
        rotations = torch.where(flip[:, None, None, None, None], other[0], rotations)
        return Windows(rotations, torch.where(flip[:, None, None], other[1], pelvis), varied)

    def _leg(self, betas: Tensor) -> Tensor:
        joints = self._body.rest_joints(betas)
        return (joints[:, 1] - joints[:, 4]).norm(dim=-1) + (joints[:, 4] - joints[:, 7]).norm(dim=-1)
