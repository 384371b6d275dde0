"""A network small enough to train for a few steps."""

from dataclasses import replace

import pytest
import torch

from inference_backend.models.rope.surface_cloud import SurfaceCloud
from inference_backend.training.data.archive import read_archive
from inference_backend.training.data.posing import PosedBody
from inference_backend.training.data.windows import MotionWindows
from inference_backend.training.rope.sizes import ROPE_SIZES, RopeSize
from inference_backend.training.rope.synthesis import SPACING, ProxySynthesis


@pytest.fixture(scope="session")
def small() -> RopeSize:
    size = ROPE_SIZES["cpu"]
    config = replace(
        size.config,
        channels=(8, 12),
        neck=16,
        trunk=16,
        token=16,
        heads=2,
        isl_layers=1,
        shape_hidden=16,
        pose_hidden=16,
    )
    return replace(size, config=config, plans={k: replace(p, batch=6, frames=6) for k, p in size.plans.items()})


@pytest.fixture(scope="session")
def cloud(body):
    return SurfaceCloud(body, SPACING)


@pytest.fixture
def source(prepared, body, cloud):
    """Called with a seed and whether to hide things: windows, and what makes images of them."""

    def make(seed=0, occlude=True):
        generator = torch.Generator().manual_seed(seed)
        windows = MotionWindows(read_archive(prepared / "train.npz", body.sha256), body, generator)
        return windows, ProxySynthesis(PosedBody(body, ()), cloud, (32, 24), generator, occlude)

    return make
