"""Sizes of the open Rope, and how its two phases are trained: one for a GPU, one for one CPU core."""

from dataclasses import dataclass, replace
from typing import Final

from ...models.rope.config import OPEN, RopeConfig
from ..sizes import StagePlan

ROPE_STAGES: Final = ("rope_1", "rope_2")
"""The first phase learns where parts are beside everything else; the second does without that loss."""


@dataclass(frozen=True)
class RopeSize:
    """A network and its training.

    Attributes:
        config: of the network.
        plans: by phase; `frames` of a window are simulated, its middle one is looked at.
    """

    config: RopeConfig
    plans: dict[str, StagePlan]


# Synthetic images never come twice, so nothing has to be dropped against learning them by heart. Tokens say where their
# parts are only if they see where pixels are.
_OPEN: Final = replace(OPEN, dropout=0.0, coordinates=True)

ROPE_SIZES: Final[dict[str, RopeSize]] = {
    "cpu": RopeSize(
        config=replace(
            _OPEN, channels=(16, 32, 64), blocks=1, neck=32, trunk=32, trunk_layers=1, shape_hidden=128, pose_hidden=96
        ),
        plans={"rope_1": StagePlan(0.6, 32, 12, 1.5e-3), "rope_2": StagePlan(0.4, 32, 12, 8e-4)},
    ),
    "gpu": RopeSize(
        config=_OPEN,
        plans={"rope_1": StagePlan(0.6, 512, 16, 2e-3), "rope_2": StagePlan(0.4, 512, 16, 1e-3)},
    ),
}
