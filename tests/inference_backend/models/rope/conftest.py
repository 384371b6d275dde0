"""Posed bodies before a camera."""

from typing import NamedTuple

import pytest
import roma
import torch
from torch import Tensor

from inference_backend.body.body import Body
from inference_backend.geometry.projection import project
from inference_backend.models.rope.camera import square_box
from inference_backend.models.rope.surface_cloud import SurfaceCloud


class Posed(NamedTuple):
    rotations: Tensor
    betas: Tensor
    pelvis: Tensor
    K: Tensor
    box: Tensor
    vertices: Tensor
    joints: Tensor


@pytest.fixture(scope="session")
def body():
    return Body.load()


@pytest.fixture(scope="session")
def cloud(body):
    return SurfaceCloud(body)


@pytest.fixture(scope="session")
def pose_bodies(body):
    """Called with a count and a seed: random people some four metres away, turned any way about the vertical."""

    def make(count, seed=0, spread=0.35):
        generator = torch.Generator().manual_seed(seed)
        turns = spread * torch.randn(count, 22, 3, generator=generator)
        rotations = roma.rotvec_to_rotmat(turns)
        about = torch.zeros(count, 3)
        about[:, 1] = 6.28 * torch.rand(count, generator=generator)
        rotations[:, 0] = torch.diag(torch.tensor([1.0, -1, -1])) @ roma.rotvec_to_rotmat(about)
        betas = torch.randn(count, 10, generator=generator)
        pelvis = torch.tensor([0.3, -0.2, 4.0]) + 0.3 * torch.randn(count, 3, generator=generator)
        K = torch.tensor([[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]]).expand(count, 3, 3)
        rest = body.rest_joints(betas)[:, 0]
        posed = body(betas, rotations[:, 0], rotations[:, 1:], pelvis - rest)
        box = square_box(project(posed.vertices, K))
        return Posed(rotations, betas, pelvis, K, box, posed.vertices, posed.joints)

    return make
