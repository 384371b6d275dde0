"""Exported glTF files as Godot's own importer takes them, without a window (Debian: godot3-server)."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

GODOT = shutil.which("godot3-server")
pytestmark = pytest.mark.skipif(GODOT is None, reason="the program godot3-server (Debian) is not installed")
PROJECT = 'config_version=4\n[application]\nconfig/name="read"\n'
READER = Path(__file__).with_name("read_scene.gd")


@pytest.fixture
def imported(exported, tmp_path):
    """What Godot's importer made of the preset `godot`."""
    _, path = exported.file("godot")
    shutil.copyfile(path, tmp_path / "person.glb")
    shutil.copyfile(READER, tmp_path / "read.gd")
    (tmp_path / "project.godot").write_text(PROJECT, encoding="utf-8")
    with (tmp_path / "log.txt").open("wb") as log:
        editor = subprocess.Popen([GODOT, "--path", str(tmp_path), "--editor"], stdout=log, stderr=log)
        try:
            until = time.monotonic() + 120
            while not list(tmp_path.glob(".import/person.glb-*.md5")) and time.monotonic() < until:
                assert editor.poll() is None, (tmp_path / "log.txt").read_text(errors="replace")
                time.sleep(0.3)
        finally:
            editor.kill()
            editor.wait()
    command = [GODOT, "--path", str(tmp_path), "-s", "read.gd"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)
    assert (tmp_path / "read.json").is_file(), done.stdout + done.stderr
    return json.loads((tmp_path / "read.json").read_text(encoding="utf-8"))


def test_bones_root_motion_duration_and_height(exported, imported):
    # Godot 3 sets digits at a name's end off with an underscore
    names = [re.sub(r"_(?=\d+$)", "", name) for name, *_ in imported["bones"]]
    assert sorted(names) == exported.names
    assert [name for name, parent, _ in imported["bones"] if parent < 0] == ["root"]
    assert imported["bones"][names.index("root")][2] == pytest.approx([0, 0, 0], abs=1e-4)
    assert imported["size"][1] == pytest.approx(exported.height_m, rel=0.01)
    [motion] = imported["motions"].values()
    assert motion["length"] == pytest.approx(exported.seconds, abs=1 / exported.fps)
    [keys] = [np.array(keys) for path, keys in motion["tracks"].items() if path.endswith(":root")]
    assert np.linalg.norm(keys[-1, 1:] - keys[0, 1:]) == pytest.approx(exported.travelled_m, rel=0.01)
    assert np.abs(keys[:, 2]).max() < 1e-3  # the root bone stays on the floor, y up
