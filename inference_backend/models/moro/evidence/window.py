"""What the network is told about a person in a window of frames, whatever it was made from."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class WindowEvidence(NamedTuple):
    """Evidence of one window of T frames.

    Attributes:
        tokens: `[T,K,E]`.
        valid: bool `[T,K]`, tokens that carry evidence; None: all do.
        box: `[T,3]`, box feature (`camera.box_feature`).
        to_camera: `[3,3]`, rotation from the frame in which box and result are expressed to the camera's.
    """

    tokens: Tensor
    valid: Tensor | None
    box: Tensor
    to_camera: Tensor


class EvidenceSource(Protocol):
    """A person's evidence through a clip at 30 frames a second; windows are asked for in rising order."""

    def __len__(self) -> int: ...

    def window(self, start: int, stop: int) -> WindowEvidence:
        """Evidence of frames start .. stop - 1."""
        ...


def no_turn() -> Tensor:
    """Identity, for evidence that is expressed in the camera's own frame."""
    return torch.eye(3)
