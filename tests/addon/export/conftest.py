import bpy
import numpy as np
import pytest

from tests.addon.export.exported_person import build_people
from tests.addon.synthetic_result import random_motion

COUNT = 30


def somebody(folder, plain_body):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rng = np.random.default_rng(20)
    motion = random_motion(rng, COUNT)
    [built] = build_people(bpy.context.scene, folder, plain_body, [motion], betas=rng.normal(size=10))
    return built


@pytest.fixture(scope="module")
def person(tmp_path_factory, plain_body):
    """Somebody who wanders and turns for a second, in a 30 fps scene; for tests that leave the scene as it is."""
    return somebody(tmp_path_factory.mktemp("result"), plain_body)


@pytest.fixture
def own_person(tmp_path, plain_body):
    """The same for tests that do not."""
    return somebody(tmp_path / "result", plain_body)
