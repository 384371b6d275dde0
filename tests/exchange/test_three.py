"""Exported files as three.js reads and draws them in Chromium: FBXLoader, GLTFLoader, BVHLoader."""

import base64
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recover_motion.addon.core.export.root_motion import RootMode

from tests.addon.export.exported_person import on_floor
from tests.exchange.browser import CHROMIUM, THREE, read_with_three

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="the browser chromium is not installed"),
    pytest.mark.skipif(not THREE.is_dir(), reason=f"three.js is not in {THREE}: `make test-exchange` puts it there"),
]


@pytest.mark.parametrize("name", ["unreal", "unity", "godot", "bvh"])
def test_bones_root_motion_duration_height_and_picture(exported, tmp_path, name):
    motion = RootMode.AS_ANIMATED if name == "bvh" else RootMode.ROOT_MOTION
    preset, path = exported.file(name, motion=motion)
    found = read_with_three(path, preset, tmp_path)
    expected = [bone for bone in exported.names if name != "bvh" or bone != "root"]
    assert sorted(set(found["bones"]) - {"ENDSITE"}) == expected
    tops = [bone for bone, parent in found["parents"].items() if parent is None]
    assert tops == (["pelvis"] if name == "bvh" else ["root"])

    placed = replace(preset, up=found["up"])

    [clip] = found["clips"].values()
    assert clip["seconds"] == pytest.approx(exported.seconds, abs=1.01 / exported.fps)
    floor, _ = on_floor(np.array([place["top"] for place in clip["places"]]), placed)
    assert np.linalg.norm(floor[-1] - floor[0]) * preset.unit_m == pytest.approx(exported.travelled_m, rel=0.01)
    for place, frame in zip(clip["places"], (0, (exported.count - 1) // 2, exported.count - 1), strict=True):
        _, height = on_floor(np.array(place["head"]), placed)
        # half of the duration lies between two frames
        assert height * preset.unit_m == pytest.approx(exported.person.joint("head")[frame, 2], abs=0.02)

    if name != "bvh":
        size = found["size"][1 if preset.up == "Y" else 2]
        assert size * preset.unit_m == pytest.approx(exported.height_m, rel=0.01)
        picture = base64.b64decode(found["picture"].partition(",")[2])
        assert picture.startswith(b"\x89PNG")
        if pictures := os.environ.get("RECOVER_MOTION_PICTURES"):
            (Path(pictures) / f"three_{name}.png").write_bytes(picture)
