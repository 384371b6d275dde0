"""The add-on, registered as Blender does it, with the real backend and its data in a folder of its own."""

import os
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
import recover_motion
from recover_motion.addon.compat import sequencer_strips
from recover_motion.addon.recover import session

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "tests" / "sample"
BACKEND = ROOT / ".venv-backend" / "bin" / "python"


def add_strip(path, *, first=11, fps=30):
    """A movie strip in the current scene, selected; the scene keeps what is given here."""
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, 1.0
    strip = sequencer_strips(scene.sequence_editor_create()).new_movie("walk", str(path), channel=1, frame_start=first)
    scene.sequence_editor.active_strip = strip
    strip.select = True
    return strip


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory):
    """The add-on is registered and keeps everything in this folder."""
    folder = tmp_path_factory.mktemp("data ü")
    before = dict(os.environ)
    os.environ["RECOVER_MOTION_DATA"] = str(folder)
    os.environ["RECOVER_MOTION_PYTHON"] = str(BACKEND)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    recover_motion.register()
    yield folder
    recover_motion.unregister()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def backend(data_folder):
    """The same, where the backend's environment is at hand."""
    if not BACKEND.exists():
        pytest.skip(f"the backend's environment is absent: {BACKEND}")
    return data_folder


def recover(**settings):
    """Recover the selected strip, and say what came of it."""
    for name, value in settings.items():
        setattr(bpy.context.scene.recover_motion, name, value)
    try:
        status = bpy.ops.recover_motion.recover("EXEC_DEFAULT")
    except RuntimeError as error:  # how Blender hands on a report of an error
        return SimpleNamespace(status={"CANCELLED"}, said=str(error), job=None)
    return SimpleNamespace(status=status, said="", job=session.queue.jobs[-1])
