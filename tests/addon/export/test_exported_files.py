"""Every preset's file, read by readers of the tests' own: bones, motion, unit, axes, rate, root."""

import numpy as np
import pytest
from recover_motion.addon.core.export.root_motion import RootMode
from recover_motion.addon.export.clips import all_clips, shown_clip
from recover_motion.addon.export.export import export_file
from recover_motion.inference_backend.protocol.skeleton import BODY_JOINTS, JOINTS

from tests.addon.export.exported_person import BONES, FIRST, PRESETS, in_file, on_floor, preset_and_options
from tests.exchange.read_bvh import read_bvh
from tests.exchange.read_fbx import read_fbx
from tests.exchange.read_gltf import read_gltf

READERS = {"fbx": read_fbx, "glb": read_gltf, "bvh": read_bvh}
WITH_BONES = [name for name in PRESETS if preset_and_options(name)[0].file in READERS]
FBX = [name for name in PRESETS if preset_and_options(name)[0].file == "fbx"]
STAYS = {"motion": RootMode.AS_ANIMATED, "start_at_origin": False, "fps": None}


def export(person, folder, name, **changes):
    """Export and read: the preset and a `FileMotion`."""
    preset, options = preset_and_options(name, **changes)
    path = folder / f"été 跳.{preset.file}"
    export_file(path, person.armature, person.scene, [shown_clip(person.armature)], preset, options)
    return preset, READERS[preset.file](path)


@pytest.mark.parametrize("name", WITH_BONES)
def test_bones_move_as_recovered(person, tmp_path, name):
    preset, found = export(person, tmp_path, name, **STAYS)
    times, positions = found.only
    np.testing.assert_allclose(times, np.arange(30) / 30, atol=1e-5)
    expected = in_file(person.joints, preset)
    got = np.stack([positions[joint] for joint in BODY_JOINTS], axis=1)
    assert np.abs(got - expected).max() * preset.unit_m < 1e-3


@pytest.mark.parametrize("name", WITH_BONES)
def test_one_tree_of_bones_by_their_names(person, tmp_path, name):
    preset, found = export(person, tmp_path, name)
    if preset.root == "hips":
        assert (found.tops, sorted(found.parents)) == (["pelvis"], sorted(JOINTS))
        assert found.rest["pelvis"] == pytest.approx([0, 0, 0])  # readers differ in what the first offset means
    else:
        assert (found.tops, sorted(found.parents)) == (["root"], sorted(BONES))
        assert found.rest["root"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert found.parents["left_knee"] == "left_hip"
    assert found.others == ({} if preset.file == "bvh" else {"Armature": "Null", "Body": "Mesh"})


@pytest.mark.parametrize("name", FBX)
def test_fbx_says_its_unit_and_axes_and_turns_no_node(person, tmp_path, name):
    preset, found = export(person, tmp_path, name)
    facts = found.facts
    assert facts["UnitScaleFactor"] == pytest.approx([100 * preset.declared_m])
    axes = [facts[key][0] for key in ("UpAxis", "UpAxisSign", "FrontAxis", "FrontAxisSign", "CoordAxis")]
    assert axes == ([2, 1, 1, -1, 0] if preset.up == "Z" else [1, 1, 2, 1, 0])
    for turn, scale in facts["turned"].values():
        assert turn == pytest.approx([0, 0, 0], abs=1e-6)
        assert scale == pytest.approx([1, 1, 1])
    assert ("Deformer", "BlendShapeChannel") not in facts["kinds"]  # the shape is the person's, no morph targets
    assert 0 < facts["influences"] <= (preset.max_influences or 99)


@pytest.mark.parametrize("name", [name for name in WITH_BONES if name != "bvh"])
def test_the_body_has_its_height_in_the_unit_of_the_file(person, tmp_path, name):
    preset, found = export(person, tmp_path, name)
    _, heights = on_floor(found.surface, preset)
    assert np.ptp(heights) * preset.unit_m == pytest.approx(person.height, abs=1e-3)
    assert heights.min() * preset.unit_m == pytest.approx(0, abs=1e-3)
    foot = found.rest["left_foot"] - found.rest["left_ankle"]
    forward = foot[2] if preset.up == "Y" else -foot[1]
    assert forward * preset.unit_m > 0.05  # at rest a person faces +z, or -y where z is up
    assert (found.rest["left_hip"] - found.rest["right_hip"])[0] > 0


@pytest.mark.parametrize("name", WITH_BONES)
def test_motion_only_has_no_mesh(person, tmp_path, name):
    _, found = export(person, tmp_path, name, with_mesh=False)
    assert "Mesh" not in found.others.values()
    assert len(found.only[0]) == 30


@pytest.mark.parametrize("name", ["unreal", "unity", "godot"])
def test_root_motion_starts_at_the_origin_and_travels_the_same_way(person, tmp_path, name):
    preset, found = export(person, tmp_path, name, motion=RootMode.ROOT_MOTION, start_at_origin=True)
    _, positions = found.only
    floor, height = on_floor(positions["root"], preset)
    assert np.abs(height).max() * preset.unit_m < 1e-4
    assert floor[0] * preset.unit_m == pytest.approx([0, 0], abs=1e-5)
    pelvis = person.joint("pelvis")[:, :2]
    steps = np.linalg.norm(np.diff(pelvis, axis=0), axis=1)
    assert np.linalg.norm(np.diff(floor, axis=0), axis=1) * preset.unit_m == pytest.approx(steps, abs=1e-4)
    moved = np.linalg.norm(floor[-1] - floor[0]) * preset.unit_m
    assert moved == pytest.approx(np.linalg.norm(pelvis[-1] - pelvis[0]), rel=1e-2)
    for other in ("head", "left_wrist"):  # bones keep their distances to each other
        apart = np.linalg.norm(positions[other] - positions["pelvis"], axis=1) * preset.unit_m
        expected = np.linalg.norm(person.joint(other) - person.joint("pelvis"), axis=1)
        np.testing.assert_allclose(apart, expected, atol=1e-3)


@pytest.mark.parametrize("name", ["unreal", "unity", "godot", "bvh"])
def test_in_place_stays_over_the_origin(person, tmp_path, name):
    preset, found = export(person, tmp_path, name, motion=RootMode.IN_PLACE)
    _, positions = found.only
    floor, height = on_floor(positions["pelvis"], preset)
    assert np.abs(floor).max() * preset.unit_m < 1e-3
    np.testing.assert_allclose(height * preset.unit_m, person.joint("pelvis")[:, 2], atol=1e-3)
    left, right = (on_floor(positions[f"{side}_hip"], preset)[0] for side in ("left", "right"))
    lateral = left - right
    assert (lateral[:, 0] > 0.7 * np.linalg.norm(lateral, axis=1)).all()  # faces forward throughout


@pytest.mark.parametrize("name", ["unreal", "godot", "bvh"])
@pytest.mark.parametrize("fps", [24000 / 1001, 60.0, 12.0])
def test_another_rate_samples_anew_and_keeps_the_pace(person, tmp_path, name, fps):
    preset, found = export(person, tmp_path, name, **STAYS | {"fps": fps})
    times, positions = found.only
    seconds = 29 / 30
    assert -1e-4 <= seconds - times[-1] < 1 / fps + 1e-4
    np.testing.assert_allclose(np.diff(times), 1 / fps, atol=2e-4)
    expected = in_file(person.joint("pelvis"), preset)
    for axis in range(3):
        at = np.interp(times, np.arange(30) / 30, expected[:, axis])
        np.testing.assert_allclose(positions["pelvis"][:, axis] * preset.unit_m, at * preset.unit_m, atol=1e-3)


@pytest.fixture
def film_rate(person):
    render = person.scene.render
    render.fps, render.fps_base = 24, 1.001
    yield
    render.fps, render.fps_base = 30, 1.0


@pytest.mark.parametrize("name", ["unreal", "gltf", "bvh"])
def test_a_film_rate_scene_gives_film_rate_files(person, film_rate, tmp_path, name):
    _, found = export(person, tmp_path, name)
    assert found.only[0][-1] == pytest.approx(29 * 1001 / 24000, abs=1e-5 if name != "bvh" else 1e-4)
    if name == "unreal":
        assert found.facts["CustomFrameRate"] == pytest.approx([23.976], abs=1e-3)


@pytest.mark.parametrize("name", ["unreal", "godot"])
def test_all_motions_in_one_file(own_person, tmp_path, name):
    preset, options = preset_and_options(name, **STAYS)
    clips = all_clips(own_person.armature)
    assert [(clip.label, clip.first, clip.last) for clip in clips] == [
        ("motion", FIRST, FIRST + 29),
        ("raw", FIRST, FIRST + 29),
    ]
    strip = own_person.armature.animation_data.nla_tracks[0].strips[0]
    strip.action_frame_end -= 10  # a strip that shows part of its action
    path = tmp_path / f"all.{preset.file}"
    clips = all_clips(own_person.armature)
    export_file(path, own_person.armature, own_person.scene, [*clips, clips[1]], preset, options)
    found = READERS[preset.file](path)
    assert {name: len(times) for name, (times, _) in found.clips.items()} == {"motion": 30, "raw": 20, "raw_2": 20}
    raw = found.clips["raw"][1]["pelvis"]
    np.testing.assert_allclose(raw, in_file(own_person.joint("pelvis")[:20], preset), atol=1e-3 / preset.unit_m)
