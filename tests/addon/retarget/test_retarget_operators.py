"""The buttons: pairs of several people and rigs, the corrected map, saving and loading it, the check, the drawing."""

import json

import bpy
import pytest
from recover_motion.addon.core.retarget.preset import load_preset
from recover_motion.addon.retarget import overlay
from recover_motion.addon.retarget.presets_folder import all_presets, own_folder

from tests.addon.retarget.made_rigs import make_rig, make_source, walk


def two_people(scene, plain_body, rng, names):
    motion, contact = walk(40)
    people = [
        make_source(scene, plain_body, rng, 40, motion=motion, contact=contact, name="Ann"),
        make_source(scene, plain_body, rng, 40, name="Bo"),
    ]
    rigs = [make_rig(scene, people[0], names, legs=1.2, name="hero"), make_rig(scene, people[0], names, name="villain")]
    return people, rigs


def select(*objects):
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in objects)


def test_several_people_to_several_rigs(registered, plain_body, rng, mixamo_names):
    people, rigs = two_people(registered, plain_body, rng, mixamo_names)
    select(*people, *rigs)
    assert bpy.ops.recover_motion.retarget_add() == {"FINISHED"}
    settings = registered.recover_motion_retarget
    assert [(p.source.name, p.target.name, p.kind) for p in settings.pairs] == [
        ("Ann", "hero", "Mixamo"),
        ("Bo", "villain", "Mixamo"),
    ]
    assert bpy.ops.recover_motion.retarget(every=True) == {"FINISHED"}
    assert [rig.animation_data.action.name for rig in rigs] == ["Ann on hero", "Bo on villain"]
    assert "now 0.0 mm" in settings.pairs[0].figures
    settings.index = 0
    assert bpy.ops.recover_motion.retarget_check() == {"FINISHED"}
    assert "measured in 40 frames" in settings.pairs[0].figures
    drawn = overlay.lines(settings.pairs[1], 1.0)
    assert len(drawn) == 21
    assert all(same for *_, same in drawn)
    # another strip of the same person on the same rig: its own action, the earlier ones kept
    settings.pairs[1].target = rigs[0]
    assert bpy.ops.recover_motion.retarget(every=True) == {"FINISHED"}
    kept = {strip.action.name for track in rigs[0].animation_data.nla_tracks for strip in track.strips}
    assert len(kept) == 3


def test_the_check_tells_quick_steps_apart(registered, plain_body, rng, mixamo_names):
    """Feet that fly for fewer frames than lie between those that are looked at stand in several places."""
    motion, contact = walk(240, step_s=0.1, step_m=0.1)
    source = make_source(registered, plain_body, rng, 240, motion=motion, contact=contact)
    select(source, make_rig(registered, source, mixamo_names, legs=1.2))
    bpy.ops.recover_motion.retarget_add()
    assert bpy.ops.recover_motion.retarget() == {"FINISHED"}
    assert bpy.ops.recover_motion.retarget_check() == {"FINISHED"}
    assert "feet slide 0.0 mm; measured in 60 frames" in registered.recover_motion_retarget.active.figures


@pytest.mark.parametrize("whole", [True, False], ids=["collection", "objects"])
def test_linked_characters_get_an_override(registered, plain_body, rng, mixamo_names, tmp_path, whole):
    people, rigs = two_people(registered, plain_body, rng, mixamo_names)
    bpy.data.objects.remove(rigs[1])
    body = bpy.data.objects.new("body", bpy.data.meshes.new("body"))
    body.modifiers.new("Armature", "ARMATURE").object = rigs[0]
    body.parent = rigs[0]
    character = bpy.data.collections.new("character")
    for obj in (rigs[0], body):
        character.objects.link(obj)
    file = tmp_path / "library.blend"
    bpy.data.libraries.write(str(file), {character})
    for obj in (rigs[0], body):
        bpy.data.objects.remove(obj)
    bpy.data.collections.remove(character)
    with bpy.data.libraries.load(str(file), link=True) as (_, loaded):
        if whole:
            loaded.collections = ["character"]
        else:
            loaded.objects = ["hero", "body"]
    if whole:
        registered.collection.children.link(loaded.collections[0])
    else:
        for obj in loaded.objects:
            registered.collection.objects.link(obj)
    bpy.context.view_layer.update()
    linked = next(o for o in bpy.data.objects if o.name == "hero")
    settings = registered.recover_motion_retarget
    select(people[0])
    bpy.ops.recover_motion.retarget_add()
    settings.active.target = linked
    bpy.ops.recover_motion.retarget_detect()
    {item.part: item for item in settings.active.items}["head"].bones = ""
    assert bpy.ops.recover_motion.retarget() == {"FINISHED"}
    rig = settings.active.target
    assert rig.override_library.reference == linked
    assert "override" in settings.active.notes
    assert rig.animation_data.action.name == "Ann on hero"
    assert [o.name for o in registered.objects if o.library] == [], "the linked ones are not shown any more"
    [body] = [o for o in registered.objects if o.name.startswith("body")]
    assert body.modifiers[0].object == rig
    assert bpy.ops.recover_motion.retarget_check() == {"FINISHED"}
    assert not {item.part: item for item in settings.active.items}["head"].bones, "the corrected map is kept"


def test_one_that_fails_does_not_stop_the_others(registered, plain_body, rng, mixamo_names):
    people, rigs = two_people(registered, plain_body, rng, mixamo_names)
    select(*people, *rigs)
    bpy.ops.recover_motion.retarget_add()
    rigs[0].scale = (1, 2, 1)
    bpy.context.view_layer.update()
    settings = registered.recover_motion_retarget
    with pytest.raises(RuntimeError, match="scaled differently"):  # as Blender passes on what an operator reports
        bpy.ops.recover_motion.retarget(every=True)
    assert settings.pairs[0].failed
    assert "scaled differently" in settings.pairs[0].notes
    assert rigs[1].animation_data.action is not None


def test_corrected_maps_are_saved_shared_and_used(registered, plain_body, rng, mixamo_names, tmp_path):
    people, rigs = two_people(registered, plain_body, rng, mixamo_names)
    select(people[0], rigs[0])
    bpy.ops.recover_motion.retarget_add()
    pair = registered.recover_motion_retarget.active
    rows = {item.part: item for item in pair.items}
    assert rows["spine"].bones == "mixamorig:Spine, mixamorig:Spine1, mixamorig:Spine2"
    rows["head"].bones = ""
    rows["root"].bones = "root"
    shared = tmp_path / "a folder" / "my rig.json"
    shared.parent.mkdir()
    assert bpy.ops.recover_motion.save_map(filepath=str(shared)) == {"FINISHED"}
    saved = load_preset(shared)
    assert "head" not in saved.bones
    assert saved.root_bone == "root"
    bpy.ops.recover_motion.retarget_detect()
    assert {item.part: item for item in pair.items}["head"].bones == "mixamorig:Head"
    assert bpy.ops.recover_motion.load_map(filepath=str(shared)) == {"FINISHED"}
    assert {item.part: item for item in pair.items}["head"].bones == ""
    assert (own_folder() / "my rig.json").is_file()
    assert any(preset.key == "my rig" for preset in all_presets()[0])
    assert bpy.ops.recover_motion.retarget() == {"FINISHED"}
    action = rigs[0].animation_data.action
    from recover_motion.addon.compat import action_fcurves

    assert not any("Head" in curve.data_path for curve in action_fcurves(action))


def test_broken_own_presets_do_not_hide_the_others(registered):
    (own_folder() / "broken.json").write_text("{", encoding="utf-8")
    (own_folder() / "odd.json").write_text(json.dumps({"format": 1}), encoding="utf-8")
    presets, wrong = all_presets()
    assert len(presets) >= 20
    assert len(wrong) == 2


def test_nothing_to_retarget(registered, plain_body, rng):
    assert not bpy.ops.recover_motion.retarget.poll()
    bpy.ops.recover_motion.retarget_add()
    pair = registered.recover_motion_retarget.active
    assert pair.source is None
    assert pair.target is None
    with pytest.raises(RuntimeError, match="no source"):
        bpy.ops.recover_motion.retarget()
    assert pair.failed
    assert bpy.ops.recover_motion.retarget_remove() == {"FINISHED"}
    assert registered.recover_motion_retarget.active is None


def delete(obj):
    select(obj)
    bpy.ops.object.delete()


@pytest.mark.parametrize("who", ["source", "target"])
def test_deleted_armatures_are_named_and_nothing_is_made(registered, plain_body, rng, mixamo_names, who):
    """A pair keeps what was deleted in the file, so Blender itself would go on as if it were there."""
    people, rigs = two_people(registered, plain_body, rng, mixamo_names)
    select(people[0], rigs[0])
    bpy.ops.recover_motion.retarget_add()
    assert bpy.ops.recover_motion.retarget() == {"FINISHED"}
    delete(people[0] if who == "source" else rigs[0])
    pair = registered.recover_motion_retarget.active
    gone = getattr(pair, who)
    before = sorted(action.name for action in bpy.data.actions)
    for attempt in (bpy.ops.recover_motion.retarget, bpy.ops.recover_motion.retarget_check):
        with pytest.raises(RuntimeError, match=f"'{gone.name}' is in no scene: it was deleted.*Undo its removal"):
            attempt()
    assert pair.failed
    assert sorted(action.name for action in bpy.data.actions) == before


def test_a_rig_without_a_body_s_bones_says_what_to_do_and_stays_as_it_was(registered, plain_body, rng, mixamo_names):
    people, _ = two_people(registered, plain_body, rng, mixamo_names)
    crane = make_rig(registered, people[0], {"pelvis": "hook", "spine1": "arm", "spine2": "tip"}, name="crane")
    select(people[0], crane)
    with pytest.raises(RuntimeError, match=r"No body was recognised in 'crane'.*set the bones in the list by hand"):
        bpy.ops.recover_motion.retarget_add()
    before = sorted(action.name for action in bpy.data.actions)
    with pytest.raises(RuntimeError, match="No body was recognised"):
        bpy.ops.recover_motion.retarget()
    registered.recover_motion_retarget.active.preset = "mixamo"
    with pytest.raises(RuntimeError, match=r"does not have the bones of Mixamo. Choose another preset"):
        bpy.ops.recover_motion.retarget()
    assert crane.animation_data is None
    assert sorted(action.name for action in bpy.data.actions) == before


def test_buttons_that_cannot_be_clicked_say_why(registered):
    for button, reason in (
        (bpy.ops.recover_motion.retarget, "Add a pair first"),
        (bpy.ops.recover_motion.retarget_detect, "your character's armature"),
        (bpy.ops.recover_motion.clean, "Select a recovered armature"),
        (bpy.ops.recover_motion.mark_contact, "Select a recovered armature"),
        (bpy.ops.recover_motion.export, "Select an armature"),
        (bpy.ops.recover_motion.recover, "Select a movie or image strip"),
    ):
        with pytest.raises(RuntimeError, match=reason):
            button()
