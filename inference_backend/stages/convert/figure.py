"""What two bodies have in common, whatever their meshes: 22 joints, and places of head, hands and feet."""

from typing import Final

import torch

from ...body.body import Body
from ...geometry.blazepose import INDEX
from ...protocol.skeleton import BODY_PARENTS
from ..estimate.kinematic.figure import Figure
from ..estimate.kinematic.landmarks import figure_of

_PLACES: Final = [
    INDEX[name]
    for name in (
        "nose", "left_ear", "right_ear", "left_index", "left_pinky", "right_index", "right_pinky",
        "left_heel", "left_foot_index", "right_heel", "right_foot_index",
    )
]  # fmt: skip


def common_figure(body: Body) -> Figure:
    """The figure of a body: its points are the 22 joints (each rides on its parent), then nose, ears, knuckles, heels
    and toes."""
    own = figure_of(body)
    return Figure(
        own.joints,
        own.joints_by_beta,
        torch.cat([own.joints, own.points[_PLACES]]),
        torch.cat([own.joints_by_beta, own.points_by_beta[_PLACES]]),
        torch.cat([torch.tensor([max(parent, 0) for parent in BODY_PARENTS]), own.point_joints[_PLACES]]),
    )
