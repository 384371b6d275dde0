from pathlib import Path

import numpy as np
import pytest

from inference_backend.body.body import Body
from inference_backend.records.video import Video
from inference_backend.stages.physics.humanoid import make_humanoid

pytest.importorskip("mujoco")


@pytest.fixture(scope="session")
def body():
    return Body.load()


@pytest.fixture(scope="session")
def humanoid(body):
    return make_humanoid(body, np.zeros(10))


@pytest.fixture(scope="session")
def soles(humanoid):
    return humanoid.soles


@pytest.fixture(scope="session")
def video_of():
    def make(time_s):
        return Video(Path("gait.mp4"), 30.0, (1280, 720), np.asarray(time_s), np.arange(len(time_s)))

    return make
