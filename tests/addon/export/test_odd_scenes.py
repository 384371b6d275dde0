"""What a file cannot show gets a sentence; what merely looks odd is exported."""

import os
from math import radians

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from recover_motion.addon.core.export.root_motion import RootMode
from recover_motion.addon.export.clips import all_clips, shown_clip
from recover_motion.addon.export.export import export_file
from recover_motion.addon.export.preset import parse_preset
from recover_motion.inference_backend.protocol.errors import ErrorCode, RecoverError

from tests.addon.export.exported_person import in_file, preset_and_options
from tests.addon.export.rigs import BODY, COUNT, animate, build_rig, seen
from tests.exchange.read_fbx import read_fbx

STAYS = {"motion": RootMode.AS_ANIMATED, "start_at_origin": False}


@pytest.fixture
def rig(scene):
    scene.render.fps = 30
    made = build_rig(scene, "rig")
    animate(made)
    return made


def export(rig, folder, name="unreal", clips=None, **changes):
    preset, options = preset_and_options(name, **STAYS | changes)
    path = folder / f"rig.{preset.file}"
    notes = export_file(path, rig, bpy.context.scene, clips or [shown_clip(rig)], preset, options)
    return path, notes


def refused(rig, folder, sentence, code=ErrorCode.BAD_SETTING, **options):
    before = [len(kind) for kind in (bpy.data.objects, bpy.data.scenes, bpy.data.meshes, bpy.data.actions)]
    with pytest.raises(RecoverError, match=sentence) as error:
        export(rig, folder, **options)
    assert error.value.code == code
    assert error.value.remedy.endswith(".")
    assert before == [len(kind) for kind in (bpy.data.objects, bpy.data.scenes, bpy.data.meshes, bpy.data.actions)]


def test_scale_that_differs_along_the_axes(rig, tmp_path):
    rig.scale = (1.0, 2.0, 1.0)
    refused(rig, tmp_path, r"The armature rig is scaled differently along its axes \(1, 2, 1\)")


def test_mirrored(rig, tmp_path):
    rig.scale = (-1.0, 1.0, 1.0)
    refused(rig, tmp_path, "is mirrored by a negative scale")


def test_bones_that_are_scaled_keep_their_places(rig, tmp_path):
    rig.pose.bones["Spine"].scale = (1.0, 1.3, 0.8)
    path, _ = export(rig, tmp_path)
    _, positions = read_fbx(path).only
    expected = 100 * seen(rig, bpy.context.scene, range(1, 1 + COUNT), ["Head", "LeftArm"])
    got = np.stack([positions[name] for name in ("Head", "LeftArm")], axis=1)
    assert np.abs(got - expected).max() < 0.1


def test_edit_mode(rig, tmp_path):
    clips = [shown_clip(rig)]
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    refused(rig, tmp_path, "is in Edit Mode", clips=clips)
    bpy.ops.object.mode_set(mode="OBJECT")


def test_rest_position(rig, tmp_path):
    rig.data.pose_position = "REST"
    refused(rig, tmp_path, "shows its rest position only")


def test_no_motion_and_an_action_without_keys(rig, tmp_path):
    rig.animation_data_clear()
    with pytest.raises(RecoverError, match="The armature rig has no motion"):
        shown_clip(rig)
    rig.animation_data_create().action = bpy.data.actions.new("empty")
    with pytest.raises(RecoverError, match="uses the action empty, which has no keys"):
        shown_clip(rig)
    with pytest.raises(RecoverError, match="which has no keys"):
        all_clips(rig)
    path, _ = export(rig, tmp_path, clips=[shown_clip(rig, frames=(5, 14))])  # the scene's frames will do
    assert len(read_fbx(path).only[0]) == 10
    with pytest.raises(RecoverError, match=r"end \(3\) before they start \(5\)"):
        shown_clip(rig, frames=(5, 3))


def test_motion_of_nla_tracks_only(rig, tmp_path):
    data = rig.animation_data
    action = data.action
    track = data.nla_tracks.new()
    strip = track.strips.new("stroll", 101, action)
    if hasattr(strip, "action_slot"):
        strip.action_slot = data.action_slot
    data.action = None
    clip = shown_clip(rig)
    assert (clip.first, clip.last) == (101, 101 + COUNT - 1)
    path, _ = export(rig, tmp_path)
    _, positions = read_fbx(path).only
    assert np.linalg.norm(positions["Hips"][-1] - positions["Hips"][0]) == pytest.approx(125.3, rel=0.01)


def test_a_motion_of_one_frame(rig, tmp_path):
    path, _ = export(rig, tmp_path, clips=[shown_clip(rig, frames=(7, 7))])
    _, positions = read_fbx(path).only
    expected = 100 * seen(rig, bpy.context.scene, [7], list(BODY))[0]
    assert np.abs(np.array([positions[name][0] for name in BODY]) - expected).max() < 0.1


def test_constraints_and_tracks_are_exported_as_they_are_seen(rig, tmp_path):
    target = bpy.data.objects.new("target", None)
    target.location = (3.0, 0.0, 2.0)
    bpy.context.scene.collection.objects.link(target)
    constraint = rig.pose.bones["LeftArm"].constraints.new("TRACK_TO")
    constraint.target, constraint.track_axis, constraint.up_axis = target, "TRACK_Y", "UP_Z"
    rig.location = (1.0, 2.0, 0.5)
    rig.rotation_euler.z = radians(30)
    bpy.context.view_layer.update()
    path, _ = export(rig, tmp_path)
    _, positions = read_fbx(path).only
    expected = 100 * seen(rig, bpy.context.scene, range(1, 1 + COUNT), list(BODY))
    assert np.abs(np.stack([positions[name] for name in BODY], axis=1) - expected).max() < 0.1


def test_hidden_locked_and_disabled(rig, tmp_path):
    expected = 100 * seen(rig, bpy.context.scene, range(1, 1 + COUNT), ["Head"])
    rig.lock_location = rig.lock_rotation = rig.lock_scale = (True, True, True)
    rig.hide_select = rig.hide_viewport = True
    bpy.data.objects["rig box"].hide_viewport = True
    rig.pose.bones["Hips"].lock_location = (True, True, True)
    path, _ = export(rig, tmp_path)
    found = read_fbx(path)
    assert np.abs(found.only[1]["Head"][:, None] - expected).max() < 0.1
    assert "Mesh" in found.others.values()
    assert rig.hide_viewport


@pytest.mark.parametrize("override", [False, True])
def test_linked_from_another_file(rig, tmp_path, override):
    expected = 100 * seen(rig, bpy.context.scene, range(1, 1 + COUNT), list(BODY))
    collection = bpy.data.collections.new("character")
    bpy.context.scene.collection.children.link(collection)
    for obj in (rig, bpy.data.objects["rig box"]):
        collection.objects.link(obj)
    library = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    with bpy.data.libraries.load(str(library), link=True) as (_, to):
        to.collections = ["character"]
    bpy.context.scene.collection.children.link(to.collections[0])
    if override:
        to.collections[0].override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    [linked] = [o for o in bpy.context.scene.objects if o.type == "ARMATURE" and (not override or o.override_library)]
    path, _ = export(linked, tmp_path)
    found = read_fbx(path)
    assert np.abs(np.stack([found.only[1][name] for name in BODY], axis=1) - expected).max() < 0.1
    assert list(found.others.values()).count("Mesh") == 1


def test_names_that_programs_take_for_one(scene, tmp_path):
    twins = {"hand.L": ("Hips", (0.4, 0, 1), (0.5, 0, 1)), "Hand_L": ("Hips", (0.5, 0, 1), (0.6, 0, 1))}
    rig = build_rig(scene, "twins", bones=BODY | twins)
    animate(rig)
    path, notes = export(rig, tmp_path)
    assert {"hand.L", "Hand_L"} <= set(read_fbx(path).parents)
    assert any("hand.L" in note and "Hand_L" in note for note in notes)


def test_a_bone_called_like_the_root_that_is_added(scene, tmp_path):
    rig = build_rig(scene, "named", bones=BODY | {"root": ("Hips", (0, 0, 1), (0, 0.1, 1))})
    animate(rig)
    path, _ = export(rig, tmp_path)
    found = read_fbx(path)
    assert found.tops == ["root_root"]
    assert found.parents["root"] == "Hips"


def test_roblox_says_that_the_bones_are_not_its_own(rig, tmp_path):
    _, notes = export(rig, tmp_path, "roblox")
    assert any("LowerTorso" in note and "Retarget" in note for note in notes)


def test_a_rig_without_mesh(scene, tmp_path):
    rig = build_rig(scene, "bare")
    animate(rig)
    bpy.data.objects.remove(bpy.data.objects["bare box"])
    path, notes = export(rig, tmp_path)
    assert set(read_fbx(path).parents) == {*BODY, "root"}
    assert any("moves no mesh" in note for note in notes)
    refused(rig, tmp_path, "moves no mesh", name="alembic")


def test_several_motions_where_a_file_holds_one(rig, tmp_path):
    refused(rig, tmp_path, "BVH files hold one motion each", name="bvh", with_mesh=False, clips=[shown_clip(rig)] * 2)


def test_a_folder_that_is_missing_or_full_of_somebody_elses(rig, tmp_path):
    for name in ("unreal", "godot", "bvh", "usd", "alembic"):
        preset, options = preset_and_options(name)
        path = tmp_path / "missing folder" / f"a.{preset.file}"
        with pytest.raises(RecoverError, match="missing folder") as error:
            export_file(path, rig, bpy.context.scene, [shown_clip(rig)], preset, options)
        assert error.value.code == ErrorCode.BAD_OUTPUT
    taken = tmp_path / "rig.fbx"
    taken.mkdir()  # a folder where the file should go
    (taken / "kept").touch()
    refused(rig, tmp_path, "rig.fbx", code=ErrorCode.BAD_OUTPUT)
    assert [file.name for file in tmp_path.iterdir()] == ["rig.fbx"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(rig, tmp_path):
    tmp_path.chmod(0o500)
    try:
        refused(rig, tmp_path, "could not be written", code=ErrorCode.BAD_OUTPUT)
    finally:
        tmp_path.chmod(0o700)


def test_an_older_file_stays_when_the_export_fails(rig, tmp_path):
    (tmp_path / "rig.fbx").write_text("older")
    preset, options = preset_and_options("unreal")
    content = {
        "format": 1, "label": "Mine", "description": "", "order": 1, "sources": [], "file": "fbx",
        "unit": {"metres": 1.0}, "up": "Y", "root": "floor", "exporter": {"no_such_option": True},
    }  # fmt: skip
    mine = parse_preset(content, tmp_path / "mine.json")
    with pytest.raises(RecoverError, match="does not know what the export preset asks for"):
        export_file(tmp_path / "rig.fbx", rig, bpy.context.scene, [shown_clip(rig)], mine, options)
    assert (tmp_path / "rig.fbx").read_text() == "older"
    export_file(tmp_path / "rig.fbx", rig, bpy.context.scene, [shown_clip(rig)], preset, options)
    assert "Hips" in read_fbx(tmp_path / "rig.fbx").parents


def test_a_world_away_and_turned_starts_at_the_origin(rig, tmp_path):
    rig.matrix_world = Matrix.Translation((50.0, -20.0, 0.0)) @ Matrix.Rotation(2.5, 4, "Z")
    bpy.context.view_layer.update()
    path, _ = export(rig, tmp_path, "unity", motion=RootMode.ROOT_MOTION, start_at_origin=True)
    _, positions = read_fbx(path).only
    assert positions["Root"][0] == pytest.approx([0, 0, 0], abs=1e-4)
    assert positions["Hips"][0][[0, 2]] == pytest.approx([0, 0], abs=1e-3)
    first = {name: positions[name][0] for name in BODY}
    expected = in_file([BODY[name][1] for name in BODY], preset_and_options("unity")[0])
    assert np.abs(np.array([first[name] for name in BODY]) - expected).max() < 1e-3
