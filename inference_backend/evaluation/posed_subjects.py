"""Posed bodies whose truth is known, as Rope sees them: what the occlusion sensitivity is measured on."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..body.body import Body
from ..geometry.blazepose import LANDMARKS
from ..geometry.projection import project
from ..models.rope.camera import box_feature, square_box
from ..models.rope.proxy import render_proxy
from ..models.rope.surface_cloud import SurfaceCloud
from ..protocol.skeleton import BODY_JOINTS
from ..stages.estimate.kinematic.landmarks import figure_of
from ..training.data.archive import read_archive
from ..training.data.posing import flat_handed
from ..training.data.windows import MotionWindows

_TO_CAMERA: Final = (1.0, -1.0, -1.0)
"""From a world with y up to a level camera, which looks along its z."""
_AWAY_M: Final = 4.0


class Subject(NamedTuple):
    """What the occluder slides over: image `[C,h,w]`, box feature `[3]`, true joints `[22,3]` or None."""

    image: Tensor
    box: Tensor
    truth: NDArray[np.float64] | None


def posed_subject(body: Body) -> Subject:
    """A body in mid-stride, seen half from the side, as a proxy image."""
    turns = torch.zeros(22, 3)
    bends = {
        "left_hip": (-0.6, 0, 0), "right_hip": (0.4, 0, 0), "left_knee": (0.3, 0, 0), "right_knee": (0.6, 0, 0),
        "left_shoulder": (0.5, 0, -1.2), "right_shoulder": (-0.5, 0, 1.2), "left_elbow": (0, -0.7, 0),
        "right_elbow": (0, 0.7, 0),
    }  # fmt: skip
    for name, turn in bends.items():
        turns[BODY_JOINTS.index(name)] = torch.tensor(turn)
    turns[0] = torch.tensor([0.0, 0.6, 0.0])
    return _seen(body, SurfaceCloud(body), torch.zeros(1, 10), roma.rotvec_to_rotmat(turns))


def moving_subjects(body: Body, data: Path, count: int) -> list[Subject]:
    """Moments of the validation subjects' motion, the same each time.

    Args:
        body: the open body.
        data: folder with prepared motion.
        count: how many.

    Raises:
        RecoverError: there is no such motion, or it is on another body.
    """
    flat = flat_handed(body)
    archive = read_archive(data / "val.npz", flat.sha256)
    windows = MotionWindows(archive, flat, torch.Generator().manual_seed(0), augment=False).draw(count, 1)
    cloud = SurfaceCloud(flat)
    return [_seen(flat, cloud, windows.betas[i : i + 1], windows.rotations[i, 0]) for i in range(count)]


def _seen(body: Body, cloud: SurfaceCloud, betas: Tensor, rotations: Tensor) -> Subject:
    """A body `[1,10]` in a pose `[22,3,3]` (pelvis to a world with y up), four metres before a level camera."""
    rotations = torch.cat((torch.diag(torch.tensor(_TO_CAMERA)) @ rotations[:1], rotations[1:]))
    pelvis = torch.tensor([[0.0, 0.0, _AWAY_M]])
    K = torch.tensor([[[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]]])
    _, marks, _ = figure_of(body).pose(betas[0].double(), rotations[None].double(), pelvis.double())
    marks = marks.float()
    rest = body.rest_joints(betas)[:, 0]
    posed = body(betas, rotations[None, 0], rotations[None, 1:], pelvis - rest)
    keypoints = project(marks, K)
    box = square_box(keypoints)
    shown = torch.full((1, len(LANDMARKS)), 0.95)
    image = render_proxy(cloud, posed.vertices, K, box, keypoints, shown, marks)
    return Subject(image[0], box_feature(box, K)[0], posed.joints[0, : len(BODY_JOINTS)].double().numpy())
