"""The button: settings, batches of people and rigs, file names, what it says."""

import json
import sys
from pathlib import Path

import bpy
import pytest
import recover_motion
from recover_motion.addon.export import settings as export_settings
from recover_motion.addon.export.ops import armatures_to_export

from tests.addon.export.exported_person import build_people
from tests.addon.export.rigs import animate, build_rig
from tests.addon.synthetic_result import random_motion
from tests.exchange.read_fbx import read_fbx


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECOVER_MOTION_DATA", str(folder))
        recover_motion.register()
        yield folder
        recover_motion.unregister()


@pytest.fixture
def people(registered, scene, tmp_path, plain_body, rng):
    """Two recovered people, and a rig that somebody else made."""
    found = build_people(scene, tmp_path / "result", plain_body, [random_motion(rng, 12) for _ in range(2)])
    for person in found:
        person.armature.recover_motion.folder = str(tmp_path)
    rig = build_rig(scene, "Anna/Rig")
    animate(rig)
    for obj in scene.objects:
        obj.select_set(False)
    settings = scene.recover_motion_export
    settings.folder = str(tmp_path / "out ü")
    return found, rig, settings


def exported(settings):
    assert bpy.ops.recover_motion.export() == {"FINISHED"}
    return sorted(path.name for path in Path(settings.folder).iterdir())


def test_all_people_each_in_a_file_of_their_own(people):
    (first, second), _, settings = people
    settings.who = "RECOVERED"
    assert exported(settings) == ["walk_person_1_motion.fbx", "walk_person_2_motion.fbx"]
    found = read_fbx(Path(settings.folder) / "walk_person_2_motion.fbx")
    assert found.facts["UpAxis"] == [2]  # Unreal, the first in the list
    assert first.armature.name == "walk person 1"
    assert second.armature.name == "walk person 2"


def test_selected_rigs_and_those_of_selected_meshes(people):
    (first, _), rig, settings = people
    rig.select_set(True)
    first.mesh.select_set(True)
    bpy.context.view_layer.objects.active = first.mesh
    assert set(armatures_to_export(bpy.context)) == {rig, first.armature}
    settings.preset = "godot"
    settings.template = "{preset}_{rig}"
    assert exported(settings) == ["godot_Anna_Rig.glb", "godot_walk_person_1.glb"]


def test_every_motion_in_a_file_of_its_own_or_all_in_one(people):
    (first, _), _, settings = people
    bpy.context.view_layer.objects.active = first.armature
    first.armature.select_set(True)
    settings.clips = "FILES"
    assert exported(settings) == ["walk_person_1_motion.fbx", "walk_person_1_raw.fbx"]
    settings.clips = "ONE_FILE"
    assert "walk_person_1_all.fbx" in exported(settings)
    found = read_fbx(Path(settings.folder) / "walk_person_1_all.fbx")
    assert sorted(found.clips) == ["motion", "raw"]
    settings.preset, settings.template = "bvh", "{clip}"  # a format that holds one motion
    assert {"motion.bvh", "raw.bvh"} <= set(exported(settings))


def test_a_rig_that_was_retargeted_to_is_named_once(people):
    _, rig, settings = people
    rig.animation_data.action.name = "walk person 1 on Anna/Rig"
    rig.select_set(True)
    bpy.context.view_layer.objects.active = rig
    assert exported(settings) == ["Anna_Rig_walk_person_1.fbx"]


def test_a_preset_brings_its_options_along(people):
    _, _, settings = people
    settings.preset = "roblox"
    assert (settings.motion, settings.rate, settings.start_at_origin) == ("IN_PLACE", "30", True)
    settings.preset = "usd"
    assert (settings.motion, settings.rate, settings.start_at_origin) == ("AS_ANIMATED", "SCENE", False)


def test_own_presets_are_in_the_list(people, registered):
    folder = registered / "presets" / "export"
    folder.mkdir(parents=True)
    ours = json.loads((export_settings.FOLDER / "unity.json").read_text(encoding="utf-8"))
    (folder / "mine.json").write_text(json.dumps(ours | {"label": "Mine"}), encoding="utf-8")
    (folder / "broken.json").write_text("[]", encoding="utf-8")
    _, _, settings = people
    settings.preset = "mine"
    assert settings.chosen().label == "Mine"
    assert ["broken.json" in str(problem) for problem in export_settings.preset_problems()] == [True]


def test_what_one_lacks_does_not_stop_the_others(people):
    (_, second), _, settings = people
    settings.who = "RECOVERED"
    second.armature.animation_data_clear()
    with pytest.raises(RuntimeError, match="The armature walk person 2 has no motion"):
        bpy.ops.recover_motion.export()
    names = sorted(path.name for path in Path(settings.folder).iterdir())
    assert names == ["walk_person_1_motion.fbx"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"template": "{persn}"}, "has a field {persn} that there is not"),
        ({"folder": "//export"}, "which is not saved yet"),
        ({"folder": "/proc/none/here"}, "cannot be made"),
        ({"folder": __file__}, "cannot be made (File exists). Choose a folder that you may write to."),
        pytest.param(
            {"folder": "/proc"},
            "Choose a folder that exists and that you may write to.",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="a folder that not even root can write to"),
        ),
    ],
)
def test_what_cannot_be_is_said(people, change, sentence):
    _, _, settings = people
    settings.who = "RECOVERED"
    for name, value in change.items():
        setattr(settings, name, value)
    kinds = (bpy.data.scenes, bpy.data.objects, bpy.data.actions, bpy.data.meshes, bpy.data.armatures)
    before = [sorted(item.name for item in kind) for kind in kinds]
    with pytest.raises(RuntimeError) as error:
        bpy.ops.recover_motion.export()
    assert sentence in str(error.value)
    assert sentence in settings.problems
    assert settings.written == ""
    assert [sorted(item.name for item in kind) for kind in kinds] == before


def test_the_panel_keeps_what_was_said(people):
    (first, _), rig, settings = people
    for obj in (rig, first.armature):
        obj.select_set(True)
    settings.preset = "roblox"
    assert len(exported(settings)) == 2
    assert settings.written.startswith("Wrote ")
    assert settings.written.endswith(f" and 1 more into {settings.folder}")
    assert "Anna/Rig lacks bones that Roblox" in settings.notes
    assert settings.problems == ""
