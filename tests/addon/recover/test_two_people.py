"""Two people in one result, from the file to objects, and a contact edit of each kept apart."""

import functools
import shutil
import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from recover_motion.addon.cleanup.clean import cleaning_job
from recover_motion.addon.cleanup.contact_keys import mark_contact
from recover_motion.addon.compat import action_fcurves
from recover_motion.addon.jobs.job import Job
from recover_motion.addon.recover.build import build
from recover_motion.addon.recover.plan import Plan
from recover_motion.addon.recover.request_file import Request
from recover_motion.addon.recover.timeline import Timeline
from recover_motion.inference_backend.protocol import messages
from recover_motion.inference_backend.protocol.errors import RecoverError
from recover_motion.inference_backend.protocol.skeleton import BODY_JOINTS

from tests.addon.recover.conftest import BACKEND, SAMPLE, add_strip, recover
from tests.addon.recover.test_recover_operator import digest
from tests.addon.synthetic_result import Clip, random_motion, write_result

COUNT = 60
WRITER = Path(__file__).with_name("write_two_people_movie.py")
MOVIE_COUNT, MOVIE_LATER = 75, 132  # as there


@pytest.fixture
def pair(data_folder, tmp_path, plain_body, rng):
    """Two armatures, and the folder of their result."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    late = np.arange(COUNT) >= 20
    people = {
        0: {"motion": random_motion(rng, COUNT)},
        2: {"motion": random_motion(rng, COUNT), "valid": late, "betas": rng.normal(0, 1, 10)},
    }
    folder = tmp_path / "result"
    write_result(folder, Clip(np.arange(COUNT) / 30, people=people), plain_body)
    timeline = Timeline(1, np.arange(COUNT), 30.0, scene.render.fps / scene.render.fps_base, False)
    plan = Plan(scene.session_uid, "pair", None, timeline, Request("v.mp4", 0.0, 2.0, {}), False)
    job = Job("a", "pair", messages.Submit("a", "v.mp4", str(folder)), functools.partial(build, plan))
    job.result = folder / "result.npz"
    for _ in job.build(job):
        pass
    first, second = sorted((o for o in scene.objects if o.type == "ARMATURE"), key=lambda o: o.name)
    return first, second, folder


def finish(job, folder):
    """What follows when the backend gave the recovery's result back as the cleaned one."""
    out = Path(job.request.out)
    for name in ("result.npz", "body.npz"):
        shutil.copyfile(folder / name, out / name)
    job.result = out / "result.npz"
    for _ in job.build(job):
        pass


def test_each_gets_an_armature_a_shape_and_keys_where_they_are_seen(pair):
    first, second, _ = pair
    assert (first.name, second.name) == ("pair person 1", "pair person 3")  # people count from 1, ids from 0
    assert {o.recover_motion.person_id for o in (first, second)} == {0, 2}
    assert dict(second.recover_motion.account.facts)["Person"] == "2 of 2"
    assert first.animation_data.action.frame_range[0] == 1
    assert _curve(second, "rotation_quaternion").keyframe_points[0].co[0] == 21
    bodies = [next(o for o in armature.children if o.type == "MESH") for armature in (first, second)]
    assert bodies[0].data.shape_keys.key_blocks["beta_0"].value == 0.0
    assert bodies[1].data.shape_keys.key_blocks["beta_0"].value != 0.0
    assert [m.name for m in bpy.context.scene.timeline_markers] == ["person 3 unseen", "person 3 seen"]


def test_cleaning_one_sends_both_s_contacts_and_changes_one(pair):
    first, second, folder = pair
    mark_contact(first, ["left_heel"], 5, 9, contact=True)
    mark_contact(second, ["right_toe"], 30, 40, contact=True)
    job = cleaning_job("c", second, {"foot_lock": {"strength": 0.5}}, bpy.context.scene)
    assert job.request.settings["foot_lock"] == {"strength": 0.5}
    with np.load(job.request.contacts, allow_pickle=False) as sent:
        assert np.flatnonzero(sent["p0_contact"][:, 0]).tolist() == [4, 5, 6, 7]
        assert np.flatnonzero(sent["p2_contact"][:, 3]).tolist() == list(range(29, 39))
        assert not sent["p0_contact"][:, 1:].any()
    before = digest(first.animation_data.action), digest(second.animation_data.action)
    recovered = (folder / "result.npz").read_bytes()
    finish(job, folder)  # with the result as it is: contacts return to what it says
    assert (folder / "result.npz").read_bytes() == recovered
    assert digest(first.animation_data.action) == before[0]
    assert digest(second.animation_data.action) != before[1]


def test_a_copy_s_contacts_do_not_replace_those_of_the_one_that_is_cleaned(pair):
    first, _, _ = pair
    copy = first.copy()
    copy.animation_data.action = first.animation_data.action.copy()
    bpy.context.scene.collection.objects.link(copy)
    mark_contact(first, ["left_toe"], 5, 9, contact=True)
    for armature, count in ((first, 4), (copy, 0)):
        job = cleaning_job("c", armature, {}, bpy.context.scene)
        with np.load(job.request.contacts, allow_pickle=False) as sent:
            assert sent["p0_contact"][:, 1].sum() == count


def test_each_cleaning_has_a_folder_of_its_own_even_while_others_wait(pair):
    first, second, folder = pair
    mark_contact(first, ["left_toe"], 5, 9, contact=True)
    jobs = [cleaning_job("a", first, {}, bpy.context.scene)]
    mark_contact(first, ["left_toe"], 5, 9, contact=False)
    jobs += [cleaning_job("b", first, {}, bpy.context.scene), cleaning_job("c", second, {}, bpy.context.scene)]
    assert [Path(job.request.out) for job in jobs] == [folder / f"clean {number}" for number in (1, 2, 3)]
    for job, count in zip(jobs, (4, 0, 0), strict=True):
        with np.load(job.request.contacts, allow_pickle=False) as sent:
            assert sent["p0_contact"].sum() == count
    finish(jobs[2], folder)
    assert dict(second.recover_motion.account.facts)["Version"] == "clean 3"
    assert dict(first.recover_motion.account.facts)["Version"] == "as recovered"


def test_an_armature_that_is_gone_gets_a_sentence(pair):
    first, _, folder = pair
    job = cleaning_job("c", first, {}, bpy.context.scene)
    bpy.data.objects.remove(first)
    with pytest.raises(RecoverError, match="is gone"):
        finish(job, folder)


def test_two_people_of_a_movie_lie_where_the_video_shows_them(backend, tmp_path):
    movie = tmp_path / "two.mp4"
    subprocess.run([BACKEND, WRITER, movie], check=True, capture_output=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 1280, 720
    add_strip(movie, first=1)
    outcome = recover(people=2)
    assert outcome.status == {"FINISHED"}, outcome.said
    assert outcome.job.summary == f"2 people, {MOVIE_COUNT} frames, MoRo"
    people = sorted((o for o in scene.objects if o.type == "ARMATURE"), key=lambda o: o.name)
    assert [o.name for o in people] == ["walk person 1", "walk person 2"]
    camera = next(o for o in scene.objects if o.type == "CAMERA")
    with np.load(SAMPLE / "reference.npz", allow_pickle=False) as reference:
        truth = np.stack([reference["joints_2d"][:MOVIE_COUNT], reference["joints_2d"][MOVIE_LATER:][:MOVIE_COUNT]])
    errors = []
    for frame in range(0, MOVIE_COUNT, 15):
        scene.frame_set(1 + frame)
        graph = bpy.context.evaluated_depsgraph_get()
        for armature in people:
            posed = armature.evaluated_get(graph)
            places = [posed.matrix_world @ posed.pose.bones[name].head for name in BODY_JOINTS]
            seen = np.array([world_to_camera_view(scene, camera, place)[:2] for place in places])
            off = np.linalg.norm(seen * [1280, -720] + [0, 720] - truth[:, frame], axis=-1).mean(axis=-1)
            errors.append((off.argmin(), off.min()))
    who, off = np.array(errors).reshape(-1, 2, 2).transpose(2, 1, 0)
    assert (np.ptp(who, axis=1) == 0).all()  # each armature follows one of the two
    assert set(who[:, 0]) == {0, 1}
    assert off.mean() < 15.0  # the people are about 400 pixels tall


def _curve(armature, part):
    return next(c for c in action_fcurves(armature.animation_data.action) if part in c.data_path)
