"""Windows that the denoiser learns from: what bodies truly do, and what an estimator would say of it."""

from typing import Final, NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor

from ...body.body import Body
from ...body.kinematics import KinematicTree
from ...models.trajectory.canonical import about_y, canonicalise, with_hands
from ...models.trajectory.contacts import foot_contacts
from ...models.trajectory.corruption import Corruption, corrupt_condition
from ...protocol.skeleton import BODY_PARENTS
from ..data.archive import MotionArchive
from ..data.windows import Windows

FPS: Final = 30.0
# Degrees by which an estimator turns a joint wrongly, on each axis: for the whole window, and slowly changing. They
# leave joints as far off as the default estimator left them on synthetic clips (knees 5 cm, ankles 7, wrists 4, as much
# again changing).
_CONSTANT_DEG: Final = {1: 3.0, 2: 3.0, 3: 2.0, 4: 4.0, 5: 4.0, 6: 2.0, 9: 2.0, 7: 4.0, 8: 4.0}
_SLOW_DEG: Final = {1: 4.0, 2: 4.0, 3: 1.5, 4: 5.0, 5: 5.0, 6: 1.5, 9: 1.5, 7: 5.0, 8: 5.0}
_ARM_DEG: Final = (4.0, 7.0)
_MEMORY: Final = 23
"""Frames; errors of a pose forget within about a third of it, as those of the default estimator do."""
_LEVEL: Final = (-0.5, 0.6)
"""Mean and spread of the logarithm of how much worse than that a window is told."""


CORRUPTION: Final = Corruption(jitter_m=0.01)
"""What is done to the joints after that; most of their shaking is in the rotations' errors already."""


class TrajectoryBatch(NamedTuple):
    """B canonical windows of N frames.

    Attributes:
        path: `[B,N,3]`, the true path, metres.
        joints: `[B,N,24,3]`, the true joints minus the pelvis.
        contacts: bool `[B,N,4]`, `models.trajectory.contacts.FOOT_JOINTS`.
        told: the condition that is told, not yet normalised: joints `[B,N,24,3]`, or rotations `[B,N,24,6]`.
    """

    path: Tensor
    joints: Tensor
    contacts: Tensor
    told: Tensor


def on_the_floor(archive: MotionArchive) -> MotionArchive:
    """The clips of a split that step on nothing but the floor: the network's world is flat."""
    keep = np.flatnonzero(~archive.uneven)
    rows = np.concatenate([np.arange(span.start, span.stop) for span in map(archive.span, keep)])
    lengths = np.diff(archive.ends, prepend=0)[keep]
    return MotionArchive(
        names=tuple(archive.names[i] for i in keep),
        subjects=archive.subjects[keep],
        uneven=archive.uneven[keep],
        ends=np.cumsum(lengths),
        betas=archive.betas[keep],
        rotvec=archive.rotvec[rows],
        pelvis=archive.pelvis[rows],
        body_sha256=archive.body_sha256,
    )


def far_travelled(windows: Windows, count: int) -> Windows:
    """Those `count` windows in which people get farthest: most people of a data set do not go anywhere."""
    reach = (windows.pelvis.amax(1) - windows.pelvis.amin(1))[:, [0, 2]].norm(dim=-1)
    rows = reach.topk(count).indices.sort().values
    return Windows(*(values[rows] for values in windows))


class Batches:
    """Turns windows of motion into what the denoiser is trained on.

    Args:
        body: that the motion is on, on the device to work on.
        generator: source of chance, on the same device.
        condition_of: what the network is told, `joints` or `rotations`.
        corruption: of the joints, on top of the rotations' errors; None tells the truth.
    """

    def __init__(
        self,
        body: Body,
        generator: torch.Generator,
        condition_of: str = "joints",
        corruption: Corruption | None = None,
    ) -> None:
        self._body, self._generator, self._condition_of, self._corruption = body, generator, condition_of, corruption
        device = body.v_template.device
        self._tree = KinematicTree(BODY_PARENTS).to(device)
        spread = torch.zeros(2, 22, device=device)
        for row, table in enumerate((_CONSTANT_DEG, _SLOW_DEG)):
            spread[row, 13:] = _ARM_DEG[row]
            spread[row, list(table)] = torch.tensor(list(table.values()), device=device)
        self._spread = torch.deg2rad(spread)
        kernel = torch.hann_window(_MEMORY + 2, periodic=False, device=device)[1:-1]
        self._kernel = kernel / kernel.square().sum().sqrt()

    @torch.no_grad()
    def make(self, windows: Windows) -> TrajectoryBatch:
        """A batch of windows, each in the frame that its first told pose faces, as when paths are regenerated."""
        rest = self._body.rest_joints(windows.betas)[:, None, :22]
        true = self._pose(rest, windows.rotations)
        rotations, seen = windows.rotations, true
        if self._corruption is not None:
            rotations = self._turned(rotations)
            seen = self._pose(rest, rotations)
            if self._condition_of == "joints":
                seen = corrupt_condition(seen, self._corruption, self._generator)
        pelvis = windows.pelvis[:, :, None]
        window = canonicalise(seen + pelvis)
        joints = true @ about_y(-window.yaw)[:, None].mT
        told = window.joints if self._condition_of == "joints" else _six(rotations, window.yaw)
        return TrajectoryBatch(window.path, joints, foot_contacts(true + pelvis, FPS), told)

    def _pose(self, rest: Tensor, rotations: Tensor) -> Tensor:
        joints = with_hands(self._tree(rest, rotations)[0])
        return joints - joints[:, :, :1]

    def _turned(self, rotations: Tensor) -> Tensor:
        """Rotations `[B,N,22,3,3]` as an estimator would have them."""
        batch, frames = rotations.shape[:2]
        low, spread = _LEVEL
        level = torch.exp(low + spread * self._normal(batch, 1, 1, 1))
        drift = torch.nn.functional.conv1d(
            self._normal(batch * 66, 1, frames + _MEMORY - 1), self._kernel[None, None]
        ).view(batch, 22, 3, frames)
        turn = self._spread[0, :, None] * self._normal(batch, 1, 22, 3)
        turn = turn + self._spread[1, :, None] * drift.permute(0, 3, 1, 2)
        return rotations @ roma.rotvec_to_rotmat(level * turn)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._generator.device)


def _six(rotations: Tensor, yaw: Tensor) -> Tensor:
    """Rotations `[B,N,22,3,3]` as `[B,N,24,6]` (their first two columns), the root in the window's frame."""
    own = rotations.clone()
    own[:, :, 0] = about_y(-yaw)[:, None] @ rotations[:, :, 0]
    hands = torch.eye(3).to(own).expand(*own.shape[:2], 2, 3, 3)
    return torch.cat([own, hands], dim=2)[..., :2].transpose(-1, -2).flatten(-2)
