"""Rigs that were not made by us: y up in centimetres, no root bone, a root that stands still, Rigify, several tops."""

import contextlib
from math import radians

import addon_utils
import bpy
import numpy as np
import pytest
from mathutils import Matrix
from recover_motion.addon.core.export.root_motion import RootMode
from recover_motion.addon.export.clips import all_clips, shown_clip
from recover_motion.addon.export.export import export_file

from tests.addon.export.exported_person import in_file, on_floor, preset_and_options
from tests.addon.export.rigs import BODY, COUNT, animate, build_rig, seen
from tests.exchange.read_bvh import read_bvh
from tests.exchange.read_fbx import read_fbx
from tests.exchange.read_gltf import read_gltf

READERS = {"fbx": read_fbx, "glb": read_gltf, "bvh": read_bvh}
FRAMES = range(1, 1 + COUNT)
Y_UP = Matrix.Rotation(radians(-90), 3, "X")
MANNY = {
    "root": (None, (0, 0, 0), (0, 0.1, 0)),
    "pelvis": ("root", *BODY["Hips"][1:]),
    "ik_foot_root": ("root", (0, 0, 0), (0, 0.1, 0)),
    "ik_foot_l": ("ik_foot_root", (0.1, 0, 0.1), (0.1, 0.1, 0.1)),
    **{name: ("pelvis" if parent == "Hips" else parent, *ends) for name, (parent, *ends) in BODY.items() if parent},
}


@pytest.fixture
def scene(scene):
    scene.render.fps = 30
    return scene


def export(rig, folder, name, **changes):
    preset, options = preset_and_options(name, **changes)
    path = folder / f"{rig.name}.{preset.file}"
    notes = export_file(path, rig, bpy.context.scene, [shown_clip(rig)], preset, options)
    return preset, READERS[preset.file](path), notes


def compare(rig, found, preset, names):
    """Largest distance in metres between the file's bones and Blender's."""
    expected = in_file(seen(rig, bpy.context.scene, FRAMES, names), preset)
    _, positions = found.only
    return np.abs(np.stack([positions[name] for name in names], axis=1) - expected).max() * preset.unit_m


STAYS = {"motion": RootMode.AS_ANIMATED, "start_at_origin": False, "fps": None}
PLACED = Matrix.Translation((1.5, 2.0, 0.0)) @ Matrix.Rotation(0.7, 4, "Z")


@pytest.mark.parametrize("name", ["unreal", "unity", "godot", "bvh"])
def test_a_rig_in_centimetres_with_y_up_and_without_a_root(scene, tmp_path, name):
    rig = build_rig(scene, "Mixamo-like", own_axes=Y_UP, scale=0.01, placed=PLACED, prefix="mixamorig:")
    animate(rig, hips="mixamorig:Hips")
    preset, found, _ = export(rig, tmp_path, name, **STAYS)
    names = [f"mixamorig:{bone}" for bone in BODY]
    assert compare(rig, found, preset, names) < 1e-3
    extra = [] if name == "bvh" else [preset.root_name]
    assert sorted(found.parents) == sorted(names + extra)
    assert found.tops == (extra or ["mixamorig:Hips"])
    if name != "bvh":
        _, heights = on_floor(found.surface, preset)
        assert heights.min() * preset.unit_m == pytest.approx(0.0, abs=1e-3)
        assert heights.max() * preset.unit_m == pytest.approx(1.7, abs=1e-3)
        rest = found.rest["mixamorig:LeftFoot"] * preset.unit_m  # upright, facing forward, wherever the object stands
        assert rest == pytest.approx(in_file(BODY["LeftFoot"][1], preset) * preset.unit_m, abs=1e-3)


@pytest.mark.parametrize("yaw", [90, 180, 270])
def test_a_rig_that_was_made_to_face_another_way_faces_forward_at_rest(scene, tmp_path, yaw):
    rig = build_rig(scene, "sideways", own_axes=Matrix.Rotation(radians(yaw), 3, "Z"))
    animate(rig)
    preset, found, _ = export(rig, tmp_path, "unity", **STAYS)
    assert found.rest["LeftFoot"] == pytest.approx(in_file(BODY["LeftFoot"][1], preset), abs=1e-3)
    assert compare(rig, found, preset, list(BODY)) < 1e-3


def test_motion_of_the_hips_moves_to_an_added_root_bone(scene, tmp_path):
    rig = build_rig(scene, "no root", own_axes=Y_UP, scale=0.01)
    animate(rig)
    preset, found, _ = export(rig, tmp_path, "unreal", motion=RootMode.ROOT_MOTION, start_at_origin=False)
    _, positions = found.only
    floor, height = on_floor(positions["root"], preset)
    hips, _ = on_floor(positions["Hips"], preset)
    np.testing.assert_allclose(floor, hips, atol=0.1)
    assert np.abs(height).max() < 1e-2
    assert np.linalg.norm(floor[-1] - floor[0]) == pytest.approx(100 * np.hypot(0.6, 1.1), rel=0.01)
    assert compare(rig, found, preset, list(BODY)) < 1e-3


@pytest.mark.parametrize("all_bones", [False, True])
def test_a_root_that_stands_still_gets_the_motion_and_helpers_stay_below_it(scene, tmp_path, all_bones):
    rig = build_rig(scene, "Manny-like", bones=MANNY)
    for bone in ("root", "ik_foot_root", "ik_foot_l"):
        rig.data.bones[bone].use_deform = False
    animate(rig, hips="pelvis")
    rig.animation_data.action.name = "Manny-like stroll"
    for bone in ("root", "ik_foot_root", "ik_foot_l"):
        for fcurve in curves_of(rig, bone):
            fcurve.mute = True
    _, found, _ = export(rig, tmp_path, "unreal", motion=RootMode.ROOT_MOTION, all_bones=all_bones)
    assert found.tops == ["root"]
    assert ("ik_foot_l" in found.parents) == all_bones
    assert "pelvis" in found.parents
    _, positions = found.only
    assert np.linalg.norm(positions["root"][-1, :2] - positions["root"][0, :2]) == pytest.approx(125.3, rel=0.01)
    assert np.abs(positions["root"][0]).max() < 1e-2
    _, found, _ = export(rig, tmp_path, "unreal", motion=RootMode.IN_PLACE)
    _, positions = found.only
    assert np.abs(positions["root"]).max() < 1e-2
    assert np.abs(positions["pelvis"][:, :2]).max() < 0.1


def curves_of(rig, bone):
    from recover_motion.addon.compat import action_fcurves

    return [fcurve for fcurve in action_fcurves(rig.animation_data.action) if f'"{bone}"' in fcurve.data_path]


def test_motion_of_the_object_ends_up_on_the_root_bone(scene, tmp_path):
    rig = build_rig(scene, "object moves", bones=MANNY)
    animate(rig, hips="pelvis", walk=False)
    for frame, x in ((1, 0.0), (COUNT, 2.0)):
        rig.location.x = x
        rig.keyframe_insert("location", index=0, frame=frame)
    preset, found, _ = export(rig, tmp_path, "unity", motion=RootMode.ROOT_MOTION)
    floor, _ = on_floor(found.only[1]["root"], preset)
    assert np.linalg.norm(floor[-1] - floor[0]) == pytest.approx(2.0, rel=0.01)


def test_bones_beside_the_root_hang_on_it(scene, tmp_path):
    rig = build_rig(scene, "tops", bones=MANNY | {"prop": (None, (0.5, 0, 1), (0.5, 0, 1.2))})
    animate(rig, hips="pelvis")
    preset, found, _ = export(rig, tmp_path, "fbx", **STAYS)
    assert found.tops == ["root"]
    assert found.parents["prop"] == "root"
    assert compare(rig, found, preset, ["pelvis", "prop", "Head"]) < 1e-3


@pytest.mark.skipif(
    bpy.app.version < (4, 4, 0), reason="once 4.2 has generated a Rigify rig without a window, later tests crash"
)
def test_a_generated_rigify_rig_gives_its_deform_bones(scene, tmp_path):
    addon_utils.enable("rigify", default_set=True)
    if not hasattr(bpy.ops.object, "armature_human_metarig_add"):
        pytest.skip("this Blender has no Rigify")
    with contextlib.redirect_stdout(None):
        bpy.ops.object.armature_human_metarig_add()
        bpy.ops.pose.rigify_generate()
    rig = bpy.context.object
    for frame, far in ((1, 0.0), (COUNT, 1.0)):
        rig.pose.bones["torso"].location = (0.0, -far, -0.1 * far)
        rig.pose.bones["torso"].keyframe_insert("location", frame=frame)
        rig.pose.bones["hand_ik.L"].location = (0.0, -far, -0.2 * far)
        rig.pose.bones["hand_ik.L"].keyframe_insert("location", frame=frame)
    preset, found, _ = export(rig, tmp_path, "unreal", **STAYS)
    deform = {bone.name for bone in rig.data.bones if bone.use_deform}
    assert set(found.parents) == deform | {"root"}
    assert found.tops == ["root"]
    chain = {
        "DEF-spine": "root",
        "DEF-thigh.L": "DEF-spine",
        "DEF-shin.L": "DEF-thigh.L.001",
        "DEF-foot.L": "DEF-shin.L.001",
        "DEF-shoulder.L": "DEF-spine.003",
        "DEF-upper_arm.L": "DEF-shoulder.L",
        "DEF-hand.L": "DEF-forearm.L.001",
    }
    assert {bone: found.parents[bone] for bone in chain} == chain
    assert compare(rig, found, preset, sorted(deform)) < 1e-3
    preset, found, _ = export(rig, tmp_path, "unreal", motion=RootMode.ROOT_MOTION)
    root = found.only[1]["root"]
    assert np.linalg.norm(root[-1] - root[0]) == pytest.approx(100.0, rel=0.01)


def test_what_hangs_on_a_bone_and_what_modifiers_show_comes_along(scene, tmp_path):
    rig = build_rig(scene, "dressed", own_axes=Y_UP, scale=0.01)
    animate(rig)
    hat = bpy.data.objects.new("Head", bpy.data.meshes.new("hat"))  # called like a bone
    hat.data.from_pydata([(0, 0, 0), (20, 0, 0), (0, 20, 0)], [], [(0, 1, 2)])
    scene.collection.objects.link(hat)
    hat.parent, hat.parent_type, hat.parent_bone = rig, "BONE", "Head"
    cage = hat.copy()
    cage.name, cage.hide_render = "cage", True
    scene.collection.objects.link(cage)
    box = bpy.data.objects["dressed box"]
    array = box.modifiers.new("Array", "ARRAY")
    array.use_relative_offset, array.use_constant_offset = False, True
    array.constant_offset_displace = (100.0, 0.0, 0.0)
    scene.frame_set(1)
    _, found, _ = export(rig, tmp_path, "unity", **STAYS)
    assert {name for name, kind in found.others.items() if kind == "Mesh"} == {"dressed box", "Head_mesh"}
    assert len(found.surface) == 8 + 8 + 3
    assert np.ptp(found.surface[:, 0]) == pytest.approx(1.4, abs=1e-3)  # the array's copy stands a metre to the side
    corner = np.array([0.0, 1.7, 0.0])  # the hat's corner lies on the head's tail
    assert np.abs(found.surface - corner).sum(axis=1).min() < 1e-3


def test_a_strip_of_a_rig_whose_constraints_look_at_itself(scene, tmp_path):
    """A strip is played by a copy of the rig: its constraints and drivers must look at the copy, too."""
    rig = build_rig(scene, "ik", bones=BODY | {"Ctl": ("Hips", (0.1, -0.3, 0.3), (0.1, -0.3, 0.4))})
    ik = rig.pose.bones["LeftLeg"].constraints.new("IK")
    ik.target, ik.subtarget, ik.chain_count = rig, "Ctl", 2
    driver = rig.pose.bones["RightArm"].driver_add("rotation_quaternion", 1).driver
    variable = driver.variables.new()
    variable.type = "TRANSFORMS"
    variable.targets[0].id, variable.targets[0].bone_target = rig, "Ctl"
    variable.targets[0].transform_type, variable.targets[0].transform_space = "LOC_Y", "LOCAL_SPACE"
    driver.expression = variable.name
    control = rig.pose.bones["Ctl"]
    for frame, y in ((1, 0.0), (COUNT, 0.5)):
        control.location = (0.0, y, 0.0)
        control.keyframe_insert("location", frame=frame)
    expected = seen(rig, scene, FRAMES, ["LeftFoot", "RightArm"])
    data = rig.animation_data
    strip = data.nla_tracks.new().strips.new("lift", 1, data.action)
    if hasattr(strip, "action_slot"):
        strip.action_slot = data.action_slot
    data.action = None
    control.location = (0.0, 0.0, 0.0)
    control.keyframe_insert("location", frame=1)  # the motion that is shown stands still
    control.keyframe_insert("location", frame=COUNT)
    still, lifted = all_clips(rig)
    preset, options = preset_and_options("unreal", **STAYS)
    export_file(tmp_path / "a.fbx", rig, scene, [still, lifted], preset, options)
    clips = read_fbx(tmp_path / "a.fbx").clips
    got = np.stack([clips["lift"][1][name] for name in ("LeftFoot", "RightArm")], axis=1)
    assert np.abs(got - 100 * expected).max() < 0.2
    assert np.ptp(clips["lift"][1]["LeftFoot"][:, 2]) > 10
    [shown] = [positions for name, (_, positions) in clips.items() if name != "lift"]
    assert np.ptp(shown["LeftFoot"][:, 2]) < 1
