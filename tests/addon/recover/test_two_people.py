"""Two people in one result, from the file to objects, and a contact edit of each kept apart."""

import functools
import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest
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

from tests.addon.recover.conftest import add_strip, recover
from tests.addon.recover.test_recover_operator import digest
from tests.addon.synthetic_result import Clip, random_motion, write_result

COUNT = 60


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


def test_two_people_of_a_real_clip(backend, shared):
    clip = shared / "realvideo" / "p2s_two_c1.mp4"
    if not clip.is_file():
        pytest.skip(f"the clip is absent: {clip}")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    strip = add_strip(clip, first=1)
    strip.frame_final_end = min(strip.frame_final_end, 61)
    outcome = recover(people=2)
    assert outcome.status == {"FINISHED"}, outcome.said
    armatures = [o for o in bpy.data.objects if o.type == "ARMATURE"]
    assert len(armatures) == 2
    for armature in armatures:
        assert 1 <= armature.animation_data.action.frame_range[0] < armature.animation_data.action.frame_range[1] <= 61


def _curve(armature, part):
    return next(c for c in action_fcurves(armature.animation_data.action) if part in c.data_path)
