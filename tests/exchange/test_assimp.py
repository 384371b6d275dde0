"""Exported files as the Open Asset Import Library reads them (Debian: assimp-utils)."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from recover_motion.addon.core.export.root_motion import RootMode

from tests.addon.export.exported_person import on_floor

ASSIMP = shutil.which("assimp")
pytestmark = pytest.mark.skipif(ASSIMP is None, reason="the program assimp (Debian: assimp-utils) is not installed")


def read(path, folder):
    """The scene that assimp makes of a file, as JSON."""
    out = folder / f"{path.stem}.json"
    done = subprocess.run([ASSIMP, "export", str(path), str(out), "-fassjson"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(out.read_text(encoding="utf-8"))


def nodes_of(node, above=(), parent=None):
    """`{name: (parent's name, matrix [4,4] in the file's space)}` of a tree of nodes."""
    matrix = np.array(node["transformation"], dtype=float).reshape(4, 4)
    matrix = above @ matrix if len(above) else matrix
    found = {node["name"]: (parent, matrix)}
    for child in node.get("children", ()):
        found |= nodes_of(child, matrix, node["name"])
    return found


@pytest.mark.parametrize("name", ["unreal", "unity", "roblox", "fbx", "godot", "gltf"])
def test_bones_root_motion_duration_and_height(exported, tmp_path, name):
    preset, path = exported.file(name)
    scene = read(path, tmp_path)
    nodes = nodes_of(scene["rootnode"])
    assert set(exported.names) <= set(nodes)
    skinned = {bone["name"] for mesh in scene["meshes"] for bone in mesh["bones"]}
    assert skinned <= set(exported.names)
    parent, matrix = nodes["root"]
    above = nodes[parent][1]
    assert np.abs(matrix[:3, :3] - np.eye(3)).max() < 1e-4  # an unturned root bone in the file's axes

    [animation] = scene["animations"]
    seconds = animation["duration"] / animation["tickspersecond"]
    assert seconds == pytest.approx(exported.seconds, abs=1 / exported.fps)
    [channel] = [channel for channel in animation["channels"] if channel["name"] == "root"]
    keys = np.array([key[1] for key in channel["positionkeys"]])
    keys = keys @ above[:3, :3].T + above[:3, 3]
    floor, height = on_floor(keys, preset)
    assert np.linalg.norm(floor[-1] - floor[0]) * preset.unit_m == pytest.approx(exported.travelled_m, rel=0.01)
    assert np.abs(height).max() * preset.unit_m < 1e-3

    points = np.concatenate([np.array(mesh["vertices"]).reshape(-1, 3) for mesh in scene["meshes"]])
    _, heights = on_floor(points, preset)
    assert np.ptp(heights) * preset.unit_m == pytest.approx(exported.height_m, rel=0.01)


def test_motion_only(exported, tmp_path):
    _, path = exported.file("unreal", with_mesh=False)
    scene = read(path, tmp_path)
    assert set(exported.names) <= set(nodes_of(scene["rootnode"]))
    assert not scene.get("meshes") or not any(mesh.get("bones") for mesh in scene["meshes"])
    [animation] = scene["animations"]
    assert animation["duration"] / animation["tickspersecond"] == pytest.approx(exported.seconds, abs=1 / exported.fps)


def test_bvh(exported, tmp_path):
    preset, path = exported.file("bvh", motion=RootMode.AS_ANIMATED)
    scene = read(path, tmp_path)
    nodes = nodes_of(scene["rootnode"])
    assert set(exported.names) - {"root"} <= set(nodes)
    [animation] = scene["animations"]
    seconds = animation["duration"] / animation["tickspersecond"]
    assert seconds == pytest.approx(exported.seconds, abs=1.01 / exported.fps)
    [channel] = [channel for channel in animation["channels"] if channel["name"] == "pelvis"]
    floor, _ = on_floor(np.array([key[1] for key in channel["positionkeys"]]), preset)
    assert np.linalg.norm(floor[-1] - floor[0]) * preset.unit_m == pytest.approx(exported.travelled_m, rel=0.01)
