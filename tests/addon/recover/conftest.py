"""The add-on, registered as Blender does it, with the real backend and its data in a folder of its own; and movies."""

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
import recover_motion
from recover_motion.addon.compat import sequencer_strips
from recover_motion.addon.recover import session

from tests.addon.recover.numbered_movies import encode, write_numbered_images

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


NUMBERED = 90


@pytest.fixture(scope="session")
def numbered(tmp_path_factory):
    """Images that spell their number."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return write_numbered_images(tmp_path_factory.mktemp("numbered"), NUMBERED)


@pytest.fixture(scope="session")
def made_movies(numbered, tmp_path_factory):
    """Movies of such images, and the time stamps of their frames in seconds."""
    folder = tmp_path_factory.mktemp("movies")
    rates = {"23.976": (24, 1.001), "25": (25, 1.0), "60": (60, 1.0)}
    made = {name: encode(numbered, folder / f"{name} fps.mp4", *rate) for name, rate in rates.items()}
    stamps = {name: np.arange(NUMBERED) * base / fps for name, (fps, base) in rates.items()}
    if BACKEND.exists():
        path = folder / "variable rate.mp4"
        command = [BACKEND, Path(__file__).with_name("write_vfr_movie.py"), path, str(NUMBERED)]
        stamps["variable"] = np.array(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
        made["variable"] = path
    return made, stamps


@pytest.fixture
def movies(made_movies):
    """Paths by name."""
    return made_movies[0]


@pytest.fixture
def stamps(made_movies):
    """Time stamps by name."""
    return made_movies[1]
