"""What the add-on's tests share: an empty Blender, and a plain body to judge it by."""

import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.addon.synthetic_result import PlainBody


@pytest.fixture(scope="session")
def plain_body():
    return PlainBody()


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def scene():
    """An empty file's scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene
