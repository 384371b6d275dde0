"""A result in Blender, judged by a plain numpy body and by the numbers of the result file."""

import bpy
import numpy as np
import pytest
from recover_motion.addon.compat import action_fcurves
from recover_motion.addon.core.timing import real_time
from recover_motion.addon.result.body_file import read_body
from recover_motion.addon.result.scene import BuildSettings, build_take, finish
from recover_motion.inference_backend.protocol.result_format import load_result
from recover_motion.inference_backend.protocol.skeleton import JOINTS

from tests.addon.synthetic_result import Clip, local_rotations, random_motion, rotation, write_result

TO_BLENDER = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def build(scene, folder, clip, plain_body, first=1, **settings):
    result, body = write_result(folder, clip, plain_body)
    recovered = load_result(result)
    times = real_time(recovered.time_s, scene.render.fps / scene.render.fps_base, first)
    return finish(build_take(scene, recovered, read_body(body), times, BuildSettings("walk", **settings)))


def one_person(rng, count=20, **person):
    time = np.arange(count) / 24
    return Clip(time, fps=24, people={0: {"motion": random_motion(rng, count)} | person})


def skin(scene, obj, frame):
    scene.frame_set(frame)
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    flat = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def pose_matrix(armature, bone):
    return np.array(armature.matrix_world @ armature.pose.bones[bone].matrix)


def test_skin_is_the_body_s_on_twenty_random_poses_and_shapes(scene, tmp_path, plain_body, rng):
    worst = 0.0
    for betas in rng.normal(0, 1.5, (4, 10)):
        clip = one_person(rng, 5, betas=betas)
        motion = clip.people[0]["motion"]
        motion["body_pose"] = rng.normal(0, 0.5, (5, 21, 3))
        motion["global_orient"] = rng.normal(0, 1.5, (5, 3))
        person = build(scene, tmp_path, clip, plain_body).people[0]
        local = local_rotations(motion)
        for frame in range(5):
            vertices, _ = plain_body.forward(betas, local[frame], motion["transl"][frame])
            worst = max(worst, np.abs(skin(scene, person.mesh, 1 + frame) - vertices @ TO_BLENDER.T).max())
    assert worst < 1e-4


@pytest.mark.parametrize("position_only", [False, True])
def test_root_times_pelvis_is_the_recovered_pelvis(scene, tmp_path, plain_body, rng, position_only):
    clip = one_person(rng, 60)
    motion = clip.people[0]["motion"]
    motion["global_orient"][20:40, 0] += np.pi / 2  # down on the floor for a while
    armature = build(scene, tmp_path, clip, plain_body, position_only=position_only).people[0].armature
    rest = np.array(armature.data.bones["pelvis"].matrix_local)
    pelvis = plain_body.shaped(np.zeros(10))[1][0] + motion["transl"]
    turned = rotation(motion["global_orient"])
    for frame in range(60):
        scene.frame_set(1 + frame)
        matrix = pose_matrix(armature, "pelvis")
        assert np.linalg.norm(matrix[:3, 3] - TO_BLENDER @ pelvis[frame]) < 1e-4
        expected = TO_BLENDER @ turned[frame] @ TO_BLENDER.T @ rest[:3, :3]
        off = np.linalg.norm(matrix[:3, :3] - expected) / np.sqrt(2)  # radians, for small angles
        assert np.degrees(off) < 0.01
        root = pose_matrix(armature, "root")
        np.testing.assert_allclose(root[:3, 3], [pelvis[frame, 0], -pelvis[frame, 2], 0], atol=1e-5)
        np.testing.assert_allclose(root[:3, 2], [0, 0, 1], atol=1e-6)
        if position_only:
            np.testing.assert_allclose(root[:3, :3], np.eye(3), atol=1e-6)


def test_armature_has_smplx_bones_where_the_joints_are(scene, tmp_path, plain_body, rng):
    betas = rng.normal(size=10)
    armature = build(scene, tmp_path, one_person(rng, betas=betas), plain_body).people[0].armature
    bones = armature.data.bones
    assert {bone.name for bone in bones} == {"root", *JOINTS}
    assert [bone.name for bone in bones if bone.parent is None] == ["root"]
    assert bones["pelvis"].parent == bones["root"]
    joints = plain_body.shaped(betas)[1]
    heads = np.array([bones[name].head_local for name in JOINTS])
    np.testing.assert_allclose(heads - heads[0], (joints - joints[0]) @ TO_BLENDER.T, atol=1e-6)


def test_betas_are_shape_keys_with_the_person_s_values(scene, tmp_path, plain_body, rng):
    betas = np.append(rng.normal(size=9), 6.5)
    mesh = build(scene, tmp_path, one_person(rng, betas=betas), plain_body).people[0].mesh
    keys = mesh.data.shape_keys.key_blocks
    assert [key.name for key in keys] == ["Basis", *(f"beta_{i}" for i in range(10))]
    np.testing.assert_allclose([keys[f"beta_{i}"].value for i in range(10)], betas, atol=1e-6)


def test_raw_motion_lies_on_a_muted_track_and_the_cleaned_one_is_in_use(scene, tmp_path, plain_body, rng):
    clip = one_person(rng, 30)
    motion = clip.people[0]["motion"]
    raw = motion | {"transl": motion["transl"] + [0.0, 0.0, 2.0]}
    clip.people[0]["raw"] = raw
    armature = build(scene, tmp_path, clip, plain_body, first=11).people[0].armature
    data = armature.animation_data
    [track] = data.nla_tracks
    [strip] = track.strips
    assert track.mute
    assert data.action not in (None, strip.action)
    assert (strip.frame_start, strip.frame_end, strip.scale) == (11, 40, 1)
    pelvis = plain_body.shaped(np.zeros(10))[1][0]
    scene.frame_set(25)
    shown = pose_matrix(armature, "pelvis")[:3, 3]
    np.testing.assert_allclose(shown, TO_BLENDER @ (pelvis + motion["transl"][14]), atol=1e-5)
    data.action, track.mute = None, False
    scene.frame_set(26)
    shown = pose_matrix(armature, "pelvis")[:3, 3]
    np.testing.assert_allclose(shown, TO_BLENDER @ (pelvis + raw["transl"][15]), atol=1e-5)


def test_second_take_has_names_of_its_own_and_leaves_the_first_alone(scene, tmp_path, plain_body, rng):
    clip = one_person(rng)
    first = build(scene, tmp_path, clip, plain_body)
    before = {obj.name: obj.data.name for obj in first.shots[0].collection.objects}
    second = build(scene, tmp_path, clip, plain_body)
    assert first.name == "walk"
    assert second.name == "walk take 2"
    assert {obj.name: obj.data.name for obj in first.shots[0].collection.objects} == before
    made = {obj.name for obj in second.shots[0].collection.objects}
    assert made == {"walk take 2 person 1", "walk take 2 person 1 body", "walk take 2 camera"}
    actions = [take.people[0].armature.animation_data.action for take in (first, second)]
    assert actions[0] != actions[1]


def test_nothing_of_the_user_s_is_touched(scene, tmp_path, plain_body, rng):
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    cube.keyframe_insert("location", frame=3)
    camera = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.timeline_markers.new("mine", frame=7)
    scene.render.fps, scene.render.resolution_x = 25, 1000
    scene.frame_set(8)
    bpy.ops.object.mode_set(mode="EDIT")

    def state():
        context = bpy.context
        return {
            "active": context.view_layer.objects.active.name,
            "selected": [obj.name for obj in context.selected_objects],
            "mode": cube.mode,
            "frame": (scene.frame_current, scene.frame_start, scene.frame_end),
            "render": (scene.render.fps, scene.render.fps_base, scene.render.resolution_x, scene.render.resolution_y),
            "camera": scene.camera.name,
            "scenes": [s.name for s in bpy.data.scenes],
            "scene": context.scene.name,
            "cube": [
                tuple(key.co) for curve in action_fcurves(cube.animation_data.action) for key in curve.keyframe_points
            ],
            "marker": [(m.name, m.frame) for m in scene.timeline_markers if m.name == "mine"],
        }

    before = state()
    build(scene, tmp_path, one_person(rng), plain_body)
    assert state() == before


def test_a_person_seen_for_part_of_the_clip(scene, tmp_path, plain_body, rng):
    valid = np.zeros(40, dtype=bool)
    valid[5:15] = valid[25:36] = True
    clip = one_person(rng, 40, valid=valid)
    armature = build(scene, tmp_path, clip, plain_body).people[0].armature
    curves = {(c.data_path, c.array_index): c for c in action_fcurves(armature.animation_data.action)}
    root = curves['pose.bones["root"].location', 0]
    frames = [round(key.co[0]) for key in root.keyframe_points]
    assert frames == [*range(6, 16), *range(26, 37)]
    assert root.evaluate(20) == root.evaluate(15)
    markers = sorted((m.frame, m.name) for m in scene.timeline_markers)
    assert markers == [
        (1, "person 1 unseen"),
        (6, "person 1 seen"),
        (16, "person 1 unseen"),
        (26, "person 1 seen"),
        (37, "person 1 unseen"),
    ]
    confidence = curves['["confidence_left_leg"]', 0]
    assert confidence.evaluate(10) == 1
    assert confidence.evaluate(20) == 0


def test_someone_who_is_never_seen_is_not_built(scene, tmp_path, plain_body, rng):
    clip = one_person(rng)
    clip.people[2] = {"motion": random_motion(rng, 20), "valid": np.zeros(20, dtype=bool)}
    assert [person.person_id for person in build(scene, tmp_path, clip, plain_body).people] == [0]


def test_two_shots_become_two_collections_with_their_own_people_and_camera(scene, tmp_path, plain_body, rng):
    first = np.arange(40) < 15
    clip = one_person(rng, 40, valid=first)
    clip.shot_id = (~first).astype(np.int64)
    for person in (1, 2):
        clip.people[person] = {"motion": random_motion(rng, 40), "valid": ~first, "betas": rng.normal(size=10)}
    place = np.tile([0.0, 1.3, 5.0], (40, 1))
    place[15:] = [1.0, 1.0, 4.0]
    clip.cam_pos_world = place
    take = build(scene, tmp_path, clip, plain_body)
    assert [shot.collection.name for shot in take.shots] == ["walk shot 1", "walk shot 2"]
    assert [[p.person_id for p in shot.people] for shot in take.shots] == [[0], [1, 2]]
    np.testing.assert_allclose(take.shots[1].camera.location, [1, -4, 1])
    for shot in take.shots:
        assert shot.camera.animation_data is None or shot.camera.animation_data.action is None
        assert all(obj.name in shot.collection.objects for p in shot.people for obj in (p.armature, p.mesh))
    # the later bodies, whose weights were taken over from the first, still fit
    person = take.shots[1].people[1]
    given = clip.people[2]
    expected, _ = plain_body.forward(
        given["betas"], local_rotations(given["motion"])[30], given["motion"]["transl"][30]
    )
    assert np.abs(skin(scene, person.mesh, 31) - expected @ TO_BLENDER.T).max() < 1e-4


@pytest.mark.parametrize("scene_fps", [24, 30])
@pytest.mark.parametrize("clip_fps", [23.976, 25.0, 60.0, 0.0])
def test_poses_lie_where_the_frames_are_shown(scene, tmp_path, plain_body, rng, clip_fps, scene_fps):
    scene.render.fps = scene_fps
    count = 41
    time = np.arange(count) / clip_fps if clip_fps else np.cumsum(rng.uniform(0.01, 0.08, count))
    clip = Clip(time, people={0: {"motion": random_motion(rng, count)}})
    armature = build(scene, tmp_path, clip, plain_body, first=5).people[0].armature
    pelvis = plain_body.shaped(np.zeros(10))[1][0] + clip.people[0]["motion"]["transl"]
    for frame in (0, count // 2, count - 1):
        at = 5 + (time[frame] - time[0]) * scene_fps
        scene.frame_set(int(at), subframe=at - int(at))
        np.testing.assert_allclose(pose_matrix(armature, "pelvis")[:3, 3], TO_BLENDER @ pelvis[frame], atol=1e-4)


def test_what_the_camera_cannot_match_is_said(scene, tmp_path, plain_body, rng):
    scene.render.resolution_x, scene.render.resolution_y = 1920, 1080
    clip = one_person(rng, 3)
    assert build(scene, tmp_path, clip, plain_body).notes == []
    scene.render.resolution_x = 1080
    clip.dist = np.array([0.1, 0, 0, 0, 0])
    clip.K = np.tile(np.array([[1000.0, 0, 640], [0, 1010, 360], [0, 0, 1]]), (3, 1, 1))
    notes = build(scene, tmp_path, clip, plain_body).notes
    assert [word in note for word, note in zip(("1280 x 720", "bends", "pixel aspect"), notes, strict=True)] == [
        True
    ] * 3


def test_a_clip_of_one_frame(scene, tmp_path, plain_body, rng):
    betas = rng.normal(size=10)
    clip = one_person(rng, 1, betas=betas)
    take = build(scene, tmp_path, clip, plain_body)
    motion = clip.people[0]["motion"]
    vertices, _ = plain_body.forward(betas, local_rotations(motion)[0], motion["transl"][0])
    for frame in (1, 100):  # the pose is held
        assert np.abs(skin(scene, take.people[0].mesh, frame) - vertices @ TO_BLENDER.T).max() < 1e-4
