"""Poses that nobody has struck for the recordings: arms and trunks of one window on the legs of another, limbs turned.

People in videos do what the recordings lack, and what a network has never seen it draws towards what it has.
"""

from typing import Final

import roma
import torch

from ...protocol.skeleton import BODY_JOINTS
from .noise import normal, uniform
from .windows import Windows

_TRUNKS, _ARMS = 0.15, 0.15
"""Shares of windows that get somebody else's trunk and arms, or arms alone."""
_TURNED: Final = 0.5
_TURNS: Final = {"spine": 0.05, "neck": 0.1, "head": 0.1, "collar": 0.06, "shoulder": 0.16, "elbow": 0.14,
                 "wrist": 0.14, "hip": 0.06, "knee": 0.06, "ankle": 0.06, "foot": 0.0}  # fmt: skip
"""Radians by which a joint is turned through a window, standard deviation about each axis."""
_ARM_PARTS: Final = ("shoulder", "elbow", "wrist")
_TRUNK_PARTS: Final = ("spine", "neck", "head", "collar", *_ARM_PARTS)


def _has(parts: tuple[str, ...]) -> list[bool]:
    return [any(part in name for part in parts) for name in BODY_JOINTS]


def mixed(windows: Windows, generator: torch.Generator) -> Windows:
    """Some windows with limbs of the next one, and limbs that are held a little differently throughout."""
    batch = len(windows.pelvis)
    device = windows.pelvis.device
    trunk, arms = (torch.tensor(_has(parts), device=device) for parts in (_TRUNK_PARTS, _ARM_PARTS))
    drawn = uniform((batch, 1), generator)
    foreign = torch.where(drawn < _TRUNKS, trunk, arms) & (drawn < _TRUNKS + _ARMS)
    other = windows.rotations.roll(1, 0)
    rotations = torch.where(foreign[:, None, :, None, None], other, windows.rotations)
    sizes = torch.tensor([_turn_of(name) for name in BODY_JOINTS], device=device)
    sizes = sizes * (uniform((batch, 1), generator) < _TURNED)
    turns = sizes[..., None] * normal((batch, len(BODY_JOINTS), 3), generator)
    return windows._replace(rotations=rotations @ roma.rotvec_to_rotmat(turns)[:, None])


def _turn_of(joint: str) -> float:
    return next((turn for part, turn in _TURNS.items() if part in joint), 0.0)
