"""What the add-on's tests share: an empty Blender, and a plain body to judge it by."""

import atexit
import os
import sys
from pathlib import Path

_status = 0


def _end() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_status)


# Blender as a module can wait for ever in one of its destructors, for a thread of its own that it has just told to end.
# Registered before bpy is imported, so called after Blender has cleaned up, and in place of the destructors.
atexit.register(_end)

import bpy  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.addon.synthetic_result import PlainBody  # noqa: E402


def pytest_sessionfinish(exitstatus):
    global _status
    _status = int(exitstatus)


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
