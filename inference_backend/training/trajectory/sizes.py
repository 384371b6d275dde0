"""Sizes of the trajectory denoiser, and how each is trained."""

from dataclasses import dataclass, replace
from typing import Final

from ...models.trajectory.config import CPU, PAPER, TrajectoryConfig


@dataclass(frozen=True)
class TrajectoryPlan:
    """A network and its training.

    Attributes:
        config: of the network.
        batch: windows a step.
        frames: shortest and longest window; each step draws one length.
        uses: how often windows are used, each time with other noise, before others are made.
        rate: peak learning rate.
    """

    config: TrajectoryConfig
    batch: int
    frames: tuple[int, int]
    rate: float
    uses: int = 1


PLANS: Final[dict[str, TrajectoryPlan]] = {
    "cpu": TrajectoryPlan(CPU, 16, (40, 120), 2e-3, uses=2),
    "gpu": TrajectoryPlan(replace(PAPER, rates=True, feet=True), 256, (60, 180), 3e-4),
}
