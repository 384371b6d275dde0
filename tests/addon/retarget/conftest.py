"""What the retargeting tests share."""

from pathlib import Path

import bpy
import pytest
from recover_motion.addon import registration
from recover_motion.addon.core.retarget.preset import load_preset

PRESETS = Path(__file__).resolve().parents[3] / "presets" / "rigs"


@pytest.fixture
def mixamo():
    return load_preset(PRESETS / "mixamo.json")


@pytest.fixture
def mixamo_names(mixamo):
    """SMPL-X joint -> Mixamo's name, with its prefix."""
    names = {part: f"mixamorig:{chain[0]}" for part, chain in mixamo.bones.items() if len(chain) == 1}
    return names | {f"spine{i}": f"mixamorig:{name}" for i, name in enumerate(mixamo.bones["spine"], start=1)}


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """The add-on in an empty file, with a data folder of its own."""
    monkeypatch.setenv("RECOVER_MOTION_DATA", str(tmp_path / "données"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    registration.register()
    yield bpy.context.scene
    registration.unregister()
