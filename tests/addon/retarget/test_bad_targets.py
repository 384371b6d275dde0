"""Targets and sources that are not as one wishes: each gives a sentence, or a result that makes sense."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from recover_motion.addon.core.retarget.bone_map import apply_preset
from recover_motion.addon.core.retarget.preset import load_preset
from recover_motion.addon.retarget.apply import RetargetSettings, retarget_to
from recover_motion.addon.retarget.check import check
from recover_motion.addon.retarget.detect import by_structure, detect
from recover_motion.addon.retarget.presets_folder import save_map
from recover_motion.inference_backend.protocol.errors import RecoverError

from tests.addon.retarget.made_rigs import evaluated_heads, make_rig, make_source
from tests.addon.retarget.test_rest_poses import worst_direction


def run(source, rig, preset, scene, **settings):
    bone_map = apply_preset(preset, [bone.name for bone in rig.data.bones])
    return retarget_to(source, rig, bone_map, RetargetSettings(**settings), scene, bpy.context.view_layer)


@pytest.fixture
def source(scene, plain_body, rng):
    return make_source(scene, plain_body, rng, 16)


LEGS = [f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle", "foot")]


def test_without_legs(scene, source, mixamo, mixamo_names):
    rig = make_rig(scene, source, mixamo_names, skip=LEGS)
    outcome = run(source, rig, mixamo, scene)
    assert any("no leg" in note for note in outcome.notes)
    assert (
        worst_direction(source, rig, {j: n for j, n in mixamo_names.items() if j not in LEGS}, scene, [1, 8, 16]) < 0.1
    )
    with pytest.raises(RecoverError, match="two legs"):
        by_structure(rig)


def test_three_arms(scene, source, mixamo, mixamo_names):
    rig = make_rig(scene, source, mixamo_names)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    third = bones.new("third arm")
    third.head, third.tail, third.parent = bones["mixamorig:Spine2"].tail, (0, 0.7, 1.4), bones["mixamorig:Spine2"]
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(RecoverError, match="3 arms"):
        by_structure(rig)
    run(source, rig, mixamo, scene)  # by its names it works, and the third arm stays as it is
    assert worst_direction(source, rig, mixamo_names, scene, [1, 16]) < 0.1


def test_mirrored_rigs_show_the_motion_and_not_its_mirror_image(scene, source, rng, mixamo, mixamo_names):
    rig = make_rig(scene, source, mixamo_names, rng=rng, object_matrix=np.diag([-1.0, 1, 1, 1]))
    outcome = run(source, rig, mixamo, scene)
    assert any("mirrored" in note for note in outcome.notes)
    swapped = {
        j: mixamo_names[j.replace("left", "*").replace("right", "left").replace("*", "right")] for j in mixamo_names
    }
    assert worst_direction(source, rig, swapped, scene, [1, 8, 16]) < 0.1
    bone_map = apply_preset(mixamo, [bone.name for bone in rig.data.bones])
    assert np.degrees(check(source, rig, bone_map, scene).direction_error) < 0.1
    theirs, _ = evaluated_heads(source, scene, [1, 16])
    ours, _ = evaluated_heads(rig, scene, [1, 16])
    assert np.abs(theirs["left_knee"] - ours["mixamorig:RightLeg"]).max() < 1e-3


def test_negative_scale_on_all_axes(scene, source, mixamo, mixamo_names):
    """Rotations of that object cannot bring it upright: it is a mirror image on its head, which is still matched."""
    rig = make_rig(scene, source, mixamo_names, object_matrix=np.diag([-1.0, -1, -1, 1]))
    run(source, rig, mixamo, scene)
    heads, _ = evaluated_heads(rig, scene, [1])
    assert heads["mixamorig:Head"][0, 2] > heads["mixamorig:Hips"][0, 2]


@pytest.mark.parametrize("scale", [(1, 2, 1), (0, 0, 0)])
def test_uneven_scale(scene, source, mixamo, mixamo_names, scale):
    rig = make_rig(scene, source, mixamo_names, object_matrix=np.diag([*map(float, scale), 1.0]))
    with pytest.raises(RecoverError, match="scale"):
        run(source, rig, mixamo, scene)


def test_a_rig_in_another_pose(scene, source, mixamo, mixamo_names, rng):
    rig = make_rig(scene, source, {j: n for j, n in mixamo_names.items() if j != "spine2"})
    for bone in rig.pose.bones:
        bone.rotation_quaternion = rng.normal(size=4)
        bone.location = rng.normal(size=3)
    rig.pose.bones["mixamorig:Hips"].scale = (1.2, 1.2, 1.2)
    run_on = {j: n for j, n in mixamo_names.items() if j != "spine2"}
    outcome = run(source, rig, mixamo, scene)
    assert any("scaled in the pose" in note for note in outcome.notes)
    rig.pose.bones["mixamorig:Hips"].scale = (1, 1, 1)
    assert worst_direction(source, rig, run_on, scene, [1, 8, 16]) > 1.0, "locations that nobody keys stay as they are"
    for bone in rig.pose.bones:
        if bone.name not in ("mixamorig:Hips",):
            bone.location = (0, 0, 0)
    assert worst_direction(source, rig, run_on, scene, [1, 8, 16]) < 0.1


def test_a_bone_used_twice(scene, source, mixamo, mixamo_names):
    rig = make_rig(scene, source, mixamo_names)
    bone_map = apply_preset(mixamo, [bone.name for bone in rig.data.bones])
    bone_map.bones["head"] = bone_map.bones["neck"]
    with pytest.raises(RecoverError, match="more than one part"):
        retarget_to(source, rig, bone_map, RetargetSettings(), scene, bpy.context.view_layer)
    bone_map.bones["head"] = ("nowhere",)
    with pytest.raises(RecoverError, match="'nowhere'"):
        retarget_to(source, rig, bone_map, RetargetSettings(), scene, bpy.context.view_layer)
    bone_map.bones.pop("pelvis")
    with pytest.raises(RecoverError, match="pelvis"):
        retarget_to(source, rig, bone_map, RetargetSettings(), scene, bpy.context.view_layer)


def test_the_same_names_twice_with_different_prefixes(scene, source, mixamo, mixamo_names):
    """Two characters in one armature: the first one's bones are taken, and one character's only."""
    rig = make_rig(scene, source, mixamo_names)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name in [bone.name for bone in rig.data.edit_bones]:
        bone = rig.data.edit_bones.new(name.replace("mixamorig:", "mixamorig2:"))
        bone.head, bone.tail = (5, 0, 0), (5, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    run(source, rig, mixamo, scene)
    assert worst_direction(source, rig, mixamo_names, scene, [1, 16]) < 0.1


def test_missing_fingers(scene, source, mixamo, mixamo_names):
    fingers = [j for j in mixamo_names if j[-1].isdigit() and "spine" not in j]
    rig = make_rig(scene, source, mixamo_names, skip=fingers)
    outcome = run(source, rig, mixamo, scene)
    assert any("fingers" in note for note in outcome.notes)
    names = {j: n for j, n in mixamo_names.items() if j not in fingers}
    assert worst_direction(source, rig, names, scene, [1, 16]) < 0.1


def test_locked_objects(scene, source, mixamo, mixamo_names):
    rig = make_rig(scene, source, mixamo_names)
    rig.lock_location = (True, True, True)
    rig.hide_select = True
    outcome = run(source, rig, mixamo, scene)
    assert not outcome.notes
    from recover_motion.addon.core.retarget.path import RootMode

    outcome = run(source, rig, mixamo, scene, root=RootMode.OBJECT)
    assert any("locked" in note for note in outcome.notes)


@pytest.mark.parametrize("where", ["object", "collection", "layer"])
def test_rigs_with_constraints_that_are_not_evaluated(scene, source, mixamo, mixamo_names, where):
    rig = make_rig(scene, source, mixamo_names)
    rig.pose.bones["mixamorig:Spine"].constraints.new("COPY_ROTATION").target = source
    collection = bpy.data.collections.new("character")
    scene.collection.children.link(collection)
    collection.objects.link(rig)
    scene.collection.objects.unlink(rig)
    rig.hide_set(True)
    run(source, rig, mixamo, scene)  # hidden by the eye
    bone_map = apply_preset(mixamo, mixamo_names.values())
    assert check(source, rig, bone_map, scene).frames == 16
    if where == "object":
        rig.hide_viewport = True
    elif where == "collection":
        collection.hide_viewport = True
    else:
        bpy.context.view_layer.layer_collection.children["character"].exclude = True
    for attempt in (lambda: run(source, rig, mixamo, scene), lambda: check(source, rig, bone_map, scene)):
        with pytest.raises(RecoverError, match="disabled in viewports"):
            attempt()


def test_sources_without_motion(scene, source, mixamo, mixamo_names):
    rig = make_rig(scene, source, mixamo_names)
    action = source.animation_data.action
    source.animation_data.action = None
    with pytest.raises(RecoverError, match="no action with keys"):
        run(source, rig, mixamo, scene)
    source.animation_data.action = bpy.data.actions.new("empty")
    with pytest.raises(RecoverError, match="no action with keys"):
        run(source, rig, mixamo, scene)
    source.animation_data.action = action
    with pytest.raises(RecoverError, match="no recovered armature"):
        run(rig, source, load_preset_of("smplx"), scene)
    with pytest.raises(RecoverError, match="both source and target"):
        run(source, source, load_preset_of("smplx"), scene)


def load_preset_of(key):
    from tests.addon.retarget.conftest import PRESETS

    return load_preset(PRESETS / f"{key}.json")


def test_no_armature_edit_mode_and_tweak_mode(scene, source, mixamo, mixamo_names):
    bone_map = apply_preset(mixamo, mixamo_names.values())
    empty = bpy.data.objects.new("empty", None)
    for target in (None, empty, bpy.data.objects.new("bare", bpy.data.armatures.new("bare"))):
        with pytest.raises(RecoverError):
            retarget_to(source, target, bone_map, RetargetSettings(), scene, bpy.context.view_layer)
    rig = make_rig(scene, source, mixamo_names)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RecoverError, match="edit mode"):
        run(source, rig, mixamo, scene)
    bpy.ops.object.mode_set(mode="OBJECT")


def test_broken_frame_rates(scene, source, mixamo, mixamo_names):
    """At 23.976 frames a second the keys stay on the source's frames, also between whole ones."""
    scene.render.fps, scene.render.fps_base = 24, 1.001
    from recover_motion.addon.compat import existing_curves

    for curve in existing_curves(source)[1].fcurves:
        for key in curve.keyframe_points:
            key.co.x = 1 + (key.co.x - 1) * 0.7992
    rig = make_rig(scene, source, mixamo_names)
    outcome = run(source, rig, mixamo, scene)
    assert np.allclose(np.diff(outcome.clip.frames), 0.7992, atol=1e-4)
    assert np.allclose(np.diff(outcome.clip.motion.time_s), 0.7992 * 1.001 / 24, atol=1e-5)
    assert worst_direction(source, rig, mixamo_names, scene, list(outcome.clip.frames[::5])) < 0.2


def test_unwritable_maps(scene, source, mixamo, mixamo_names, tmp_path):
    bone_map = apply_preset(mixamo, mixamo_names.values())
    (tmp_path / "file").write_text("")
    with pytest.raises(RecoverError, match="cannot be written"):
        save_map(tmp_path / "file" / "map.json", bone_map, "x")
    saved = tmp_path / "mäp.json"
    save_map(saved, bone_map, "Mine")
    again = apply_preset(load_preset(saved), mixamo_names.values())
    assert again.bones == bone_map.bones


@pytest.fixture
def library(tmp_path, scene, source, mixamo_names):
    rig = make_rig(scene, source, mixamo_names, a_pose=0.5, name="linked rig")
    file = tmp_path / "library.blend"
    bpy.data.libraries.write(str(file), {rig})
    bpy.data.objects.remove(rig)
    with bpy.data.libraries.load(str(file), link=True) as (_, loaded):
        loaded.objects = ["linked rig"]
    linked = loaded.objects[0]
    scene.collection.objects.link(linked)
    return linked


def test_linked_objects_are_refused_with_the_way_out(scene, source, mixamo, library):
    with pytest.raises(RecoverError, match="linked") as error:
        run(source, library, mixamo, scene)
    assert "override" in error.value.remedy


def test_an_object_of_this_file_with_linked_bones_works(scene, source, mixamo, mixamo_names, library):
    rig = bpy.data.objects.new("local", library.data)
    with pytest.raises(RecoverError, match="in no scene"):
        run(source, rig, mixamo, scene)
    scene.collection.objects.link(rig)
    bpy.context.view_layer.update()
    run(source, rig, mixamo, scene)
    assert worst_direction(source, rig, mixamo_names, scene, [1, 8, 16]) < 0.1


def test_library_overrides_work(scene, source, mixamo, mixamo_names, library, tmp_path):
    rig = library.override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
    rig = (
        next(o for o in bpy.data.objects if o.type == "ARMATURE" and o.override_library and o is not source)
        if rig is None
        else rig
    )
    run(source, rig, mixamo, scene)
    assert worst_direction(source, rig, mixamo_names, scene, [1, 8, 16]) < 0.1
    name, file = rig.name, tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    rig = next(o for o in bpy.data.objects if o.name == name and o.override_library)
    assert worst_direction(bpy.data.objects["person"], rig, mixamo_names, bpy.context.scene, [1, 8, 16]) < 0.1


def test_what_no_preset_and_no_structure_fits(scene, source, registered):
    rig = bpy.data.objects.new("cube rig", bpy.data.armatures.new("cube rig"))
    registered.collection.objects.link(rig)
    with pytest.raises(RecoverError, match="no bones"):
        detect(rig)
    assert Matrix(rig.matrix_world) == Matrix.Identity(4)
