"""An export leaves the user's file as it was: data, selection, mode, frame, actions, NLA, undo."""

import bpy
import pytest
from recover_motion.addon.export.clips import all_clips, shown_clip
from recover_motion.addon.export.export import export_file
from recover_motion.addon.export.preset import SEVERAL_CLIPS

from tests.addon.export.exported_person import PRESETS, preset_and_options

KINDS = ("objects", "meshes", "armatures", "actions", "scenes", "shape_keys", "materials", "collections", "texts")


def state(person):
    """All that an export might touch, comparable."""
    armature, scene = person.armature, person.scene
    data = armature.animation_data
    layer = bpy.context.view_layer
    return {
        "data": {kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in KINDS},
        "users": {obj.name: obj.users for obj in bpy.data.objects},
        "frame": (scene.frame_current, scene.frame_subframe, scene.frame_start, scene.frame_end),
        "rate": (scene.render.fps, scene.render.fps_base, scene.unit_settings.scale_length),
        "window": bpy.context.window.scene.name if bpy.context.window else "",
        "selected": sorted(obj.name for obj in layer.objects if obj.select_get()),
        "active": (layer.objects.active.name, layer.objects.active.mode),
        "action": (data.action.name, getattr(getattr(data, "action_slot", None), "identifier", "")),
        "tracks": [(track.name, track.mute, track.is_solo) for track in data.nla_tracks],
        "strips": [(s.name, s.mute, s.frame_start, s.frame_end) for track in data.nla_tracks for s in track.strips],
        "pose": [list(v) for bone in armature.pose.bones for v in bone.matrix_basis],
        "modes": [bone.rotation_mode for bone in armature.pose.bones],
        "placed": [list(v) for v in armature.matrix_world],
        "rest": [list(v) for bone in armature.data.bones for v in bone.matrix_local],
        "vertex": list(person.mesh.data.vertices[7].co),
    }


@pytest.mark.parametrize("name", PRESETS)
def test_nothing_changes(own_person, tmp_path, name):
    scene, armature = own_person.scene, own_person.armature
    other = bpy.data.objects.new("Armature", None)  # the name that the file's armature gets
    body = bpy.data.objects.new("Body", None)
    for obj in (other, body):
        scene.collection.objects.link(obj)
    bpy.data.scenes.new("A")  # comes before the user's in the list of scenes
    bpy.context.view_layer.objects.active = armature
    armature.select_set(True)
    bpy.ops.object.mode_set(mode="POSE")
    scene.frame_set(17, subframe=0.25)
    armature.pose.bones["left_knee"].location.x = 0.3  # an unkeyed change that the next frame change would keep
    before = state(own_person)
    preset, options = preset_and_options(name)
    clips = all_clips(armature) if preset.file in SEVERAL_CLIPS else [shown_clip(armature)]
    path = tmp_path / f"person.{preset.file}"
    export_file(path, armature, scene, clips, preset, options)
    assert state(own_person) == before
    assert (other.name, body.name) == ("Armature", "Body")
    assert [file.name for file in tmp_path.iterdir() if file.name != "result"] == [path.name]


def test_undo_goes_back_over_an_export(own_person, tmp_path):
    bpy.ops.ed.undo_push(message="before")
    own_person.armature.location.x = 5.0
    bpy.ops.ed.undo_push(message="moved")
    preset, options = preset_and_options("unreal")
    name, scene = own_person.armature.name, own_person.scene.name
    export_file(
        tmp_path / "a.fbx", own_person.armature, own_person.scene, [shown_clip(own_person.armature)], preset, options
    )
    bpy.ops.ed.undo()
    assert bpy.data.objects[name].location.x == 0.0
    assert [found.name for found in bpy.data.scenes] == [scene]
    assert "Armature" not in bpy.data.objects
