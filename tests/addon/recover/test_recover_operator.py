"""Strip -> operator -> result -> contact edit -> clean again, in Blender and with the real backend."""

import hashlib
import json
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from recover_motion.addon.compat import action_fcurves
from recover_motion.addon.recover import session
from recover_motion.inference_backend.protocol.result_format import RESULT_NAME, load_result
from recover_motion.inference_backend.protocol.skeleton import BODY_JOINTS

from tests.addon.recover.conftest import SAMPLE, add_strip, recover

FIRST = 11


def digest(action):
    """Of all keys of an action, to the bit."""
    content = hashlib.sha256()
    for fcurve in sorted(action_fcurves(action), key=lambda c: (c.data_path, c.array_index)):
        co = np.zeros(2 * len(fcurve.keyframe_points), dtype=np.float32)
        fcurve.keyframe_points.foreach_get("co", co)
        content.update(fcurve.data_path.encode() + co.tobytes())
    return content.hexdigest()


def key_frames(action, path):
    fcurve = next(c for c in action_fcurves(action) if c.data_path == path)
    return np.array([key.co[0] for key in fcurve.keyframe_points])


def world_points(armature, bone, frames):
    points = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        points.append((posed.matrix_world @ posed.pose.bones[bone].matrix).translation[:])
    return np.array(points)


def just_after_a_contact(armature):
    """First scene frame after a contact of the left toes that lets go of the floor slowly enough to be held longer."""
    result = load_result(Path(armature.recover_motion.folder) / RESULT_NAME)
    (person,) = (p for p in result.people if p.person_id == armature.recover_motion.person_id)
    toes = person.motion.joints_world[:, BODY_JOINTS.index("left_foot")][:, [0, 2]]
    ends = np.flatnonzero(person.contact[:-1, 1] & ~person.contact[1:, 1]) + 1
    return FIRST + next(int(end) for end in ends if 0.01 < np.ptp(toes[end : end + 3], axis=0).max() < 0.12)


def armatures():
    return [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]


@pytest.fixture(scope="module")
def recovered(backend, tmp_path_factory):
    """The sample's motion beside a user's own animated object, in a file that was then saved."""
    scene = bpy.context.scene
    mine = bpy.data.objects.new("Mine", None)
    scene.collection.objects.link(mine)
    mine.keyframe_insert("location", frame=5)
    scene.render.resolution_x, scene.render.resolution_y = 1280, 720
    scene.frame_start, scene.frame_end = 1, 250
    scene.frame_set(7)
    add_strip(SAMPLE / "sample.mp4", first=FIRST)
    bpy.ops.ed.undo_push(message="before")
    outcome = recover()
    assert outcome.status == {"FINISHED"}, outcome.said
    assert scene.frame_current == 7
    assert (scene.render.fps, scene.render.resolution_x, scene.frame_end) == (30, 1280, 250)
    path = tmp_path_factory.mktemp("file") / "recovered.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


@pytest.fixture
def armature(recovered):
    """The recovered person in a freshly opened file: what the file does not keep is not there."""
    bpy.ops.wm.open_mainfile(filepath=str(recovered))
    (armature,) = armatures()
    bpy.context.view_layer.objects.active = armature
    return armature


def test_everything_that_belongs_to_a_take_is_there(armature):
    collection = bpy.data.collections["walk"]
    assert armature.name in collection.objects
    assert [o.type for o in armature.children] == ["MESH"]
    (camera,) = (o for o in collection.objects if o.type == "CAMERA")
    assert camera.data.background_images[0].image.filepath.endswith("sample.mp4")
    assert [bone.name for bone in armature.data.bones if bone.parent is None] == ["root"]
    animation = armature.animation_data
    assert animation.action is not None
    (track,) = animation.nla_tracks
    assert track.mute
    assert digest(track.strips[0].action) != digest(animation.action)
    frames = key_frames(animation.action, 'pose.bones["pelvis"].rotation_quaternion')
    assert (frames[0], frames[-1], len(frames)) == (FIRST, FIRST + 209, 210)
    assert "Mine" in bpy.data.objects
    assert digest(bpy.data.objects["Mine"].animation_data.action)


def test_joints_seen_through_the_camera_lie_where_the_video_shows_them(armature):
    scene = bpy.context.scene
    camera = next(o for o in bpy.data.objects if o.type == "CAMERA")
    with np.load(SAMPLE / "reference.npz") as reference:
        truth, visible = reference["joints_2d"], reference["visible"]
    errors = []
    for frame in range(0, 210, 15):
        scene.frame_set(FIRST + frame)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        for joint, name in enumerate(BODY_JOINTS):
            place = (posed.matrix_world @ posed.pose.bones[name].matrix).translation
            view = world_to_camera_view(scene, camera, place)
            if visible[frame, joint]:
                errors.append(
                    np.hypot(view.x * 1280 - truth[frame, joint, 0], (1 - view.y) * 720 - truth[frame, joint, 1])
                )
    assert np.mean(errors) < 12.0  # the person is about 400 pixels tall
    assert np.percentile(errors, 90) < 25.0


def test_cleaning_leaves_an_action_of_the_user_s_alone(armature):
    armature.animation_data.action = bpy.data.actions.new("my layer")
    with pytest.raises(RuntimeError, match="was not made by Recover Motion"):
        bpy.ops.recover_motion.clean("EXEC_DEFAULT")
    with pytest.raises(RuntimeError, match="was not made by Recover Motion"):
        bpy.ops.recover_motion.mark_contact(foot="LEFT", start=20, end=25)


def test_cleaning_says_so_when_the_result_is_gone(armature, tmp_path):
    armature.recover_motion.folder = str(tmp_path / "nothing")
    with pytest.raises(RuntimeError, match="is not there"):
        bpy.ops.recover_motion.clean("EXEC_DEFAULT")


def test_a_second_recovery_is_a_second_take_from_the_cache_and_one_undo_takes_it_away(armature):
    first = digest(armature.animation_data.action)
    bpy.ops.ed.undo_push(message="before")
    seen = []
    tell = session.queue._tell

    def listen(message):
        seen.append(message)
        tell(message)

    session.queue._tell = listen
    try:
        assert recover().status == {"FINISHED"}
    finally:
        del session.queue._tell
    assert {m.stage for m in seen if getattr(m, "reused", False)} >= {"people", "estimate", "foot_lock"}
    assert "walk take 2" in bpy.data.collections
    assert len(armatures()) == 2
    assert {digest(a.animation_data.action) for a in armatures()} == {first}

    bpy.ops.ed.undo()
    (left,) = armatures()
    assert [c.name for c in bpy.data.collections] == ["walk"]
    assert digest(left.animation_data.action) == first


def test_an_imported_result_moves_as_the_recovered_one_and_can_be_cleaned(armature, data_folder):
    folder = armature.recover_motion.folder
    scene = bpy.context.scene
    scene.frame_set(301)
    assert bpy.ops.recover_motion.import_result(filepath=f"{folder}/result.npz") == {"FINISHED"}
    (imported,) = (a for a in armatures() if a.recover_motion.folder != folder)
    assert imported.recover_motion.folder.startswith(str(data_folder))
    here = world_points(armature, "left_wrist", range(FIRST, FIRST + 200, 40))
    there = world_points(imported, "left_wrist", range(301, 501, 40))
    np.testing.assert_allclose(there, here, atol=2e-3)
    bpy.context.view_layer.objects.active = imported
    assert bpy.ops.recover_motion.clean("EXEC_DEFAULT") == {"FINISHED"}


def test_a_cleaned_result_can_be_imported_beside_the_recovered_one(armature):
    start = just_after_a_contact(armature)
    bpy.ops.recover_motion.mark_contact(foot="LEFT_TOE", start=start - 3, end=start + 2, contact=True)
    assert bpy.ops.recover_motion.clean("EXEC_DEFAULT") == {"FINISHED"}
    cleaned, folder = session.queue.jobs[-1].result, armature.recover_motion.folder
    ours = world_points(armature, "left_foot", range(start, start + 3))
    feet = {}
    for path in (cleaned, Path(folder) / "result.npz"):
        bpy.context.scene.frame_set(FIRST)
        there = {a.name for a in armatures()}
        assert bpy.ops.recover_motion.import_result(filepath=str(path)) == {"FINISHED"}
        (imported,) = (a for a in armatures() if a.name not in there)
        feet[path] = world_points(imported, "left_foot", range(start, start + 3))
        assert str(path.parent) in dict(imported.recover_motion.account.facts)["Version"]
    np.testing.assert_allclose(feet[cleaned], ours, atol=1e-4)
    assert np.abs(feet[Path(folder) / "result.npz"] - ours).max() > 1e-3


def test_an_imported_result_without_its_request_says_why_it_cannot_be_cleaned(armature, tmp_path):
    folder = armature.recover_motion.folder
    for name in ("result.npz", "body.npz"):
        (tmp_path / name).write_bytes((Path(folder) / name).read_bytes())
    assert bpy.ops.recover_motion.import_result(filepath=str(tmp_path / "result.npz")) == {"FINISHED"}
    bpy.context.view_layer.objects.active = next(a for a in armatures() if a.recover_motion.folder != folder)
    with pytest.raises(RuntimeError, match="does not say which video"):
        bpy.ops.recover_motion.clean("EXEC_DEFAULT")


def test_importing_something_else_is_refused(backend, tmp_path):
    (tmp_path / "result.npz").write_text("no result")
    with pytest.raises(RuntimeError, match="cannot be read"):
        bpy.ops.recover_motion.import_result(filepath=str(tmp_path / "result.npz"))


def test_what_an_armature_remembers_is_not_animatable(armature):
    origin = armature.recover_motion
    assert json.loads(origin.request_json)["video"].endswith("sample.mp4")
    for name in ("folder", "person_id", "request_json", "position_only"):
        prop = origin.bl_rna.properties[name]
        assert prop.is_hidden
        assert not prop.is_animatable


def test_a_contact_edit_locks_the_foot_and_touches_only_its_own_action(armature):
    before = {action.name: digest(action) for action in bpy.data.actions}
    start = just_after_a_contact(armature)
    frames = range(start, start + 3)
    free = np.ptp(world_points(armature, "left_foot", frames), axis=0)[:2].max()
    status = bpy.ops.recover_motion.mark_contact(foot="LEFT_TOE", start=start - 3, end=start + 2, contact=True)
    assert status == {"FINISHED"}
    edited = digest(armature.animation_data.action)
    folder = Path(armature.recover_motion.folder)
    recovered = (folder / "result.npz").read_bytes()
    bpy.ops.ed.undo_push(message="edit")
    assert bpy.ops.recover_motion.clean("EXEC_DEFAULT") == {"FINISHED"}
    job = session.queue.jobs[-1]
    assert (folder / "result.npz").read_bytes() == recovered
    assert job.result.parent.parent == folder
    said = load_result(folder / "result.npz").warnings
    assert said  # the recovery had something to say
    assert not set(job.notes) & set(said)
    locked = np.ptp(world_points(armature, "left_foot", frames), axis=0)[:2].max()
    assert locked < 0.5 * free
    own = armature.animation_data.action
    assert digest(own) not in (edited, before[own.name])
    after = {action.name: digest(action) for action in bpy.data.actions}
    assert {name for name in after if after[name] != before.get(name)} == {own.name}
    bpy.context.scene.frame_set(start + 1)
    assert armature["contact_left_toe"] == 1

    bpy.ops.ed.undo()
    (armature,) = armatures()
    assert digest(armature.animation_data.action) == edited
