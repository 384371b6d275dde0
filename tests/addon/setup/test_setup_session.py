"""An installation that is under way when the add-on is switched off."""

import sys
import time

import bpy
import pytest
from recover_motion.addon.setup import session
from recover_motion.addon.setup.environment import Environment, Requirements
from recover_motion.addon.setup.installer import Installer, Source
from recover_motion.addon.setup.variants import Variant

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell script plays Python")


@pytest.fixture
def installer(tmp_path):
    """One whose first step, making the environment, does not end by itself."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ntouch "$(dirname "$0")/begun"\nexec sleep 600\n')
    python.chmod(0o755)
    for name in ("some.whl", "lock"):
        (tmp_path / name).touch()
    requirements = Requirements(tmp_path / "lock", tmp_path / "lock")
    kind = Variant("cpu", "CPU", "for tests", "", 1, 1)
    return Installer(Environment(tmp_path / "environment"), requirements, kind, Source(python, tmp_path))


def test_switching_the_add_on_off_ends_an_installation_and_forgets_it(installer, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    session.begin(installer)
    end = time.monotonic() + 60.0
    while not (tmp_path / "begun").exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert session.installing()
    session.unregister()
    installer.join(30.0)
    assert installer.poll()[-1].error == "The installation was cancelled."
    session.register()
    assert not session.installing()
    assert session.report() is None
    assert not bpy.app.timers.is_registered(session._timer)
