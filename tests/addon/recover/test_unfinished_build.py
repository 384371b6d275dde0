"""A result whose building comes to nothing in the middle: the file is as it was, and a second start builds it once."""

import functools

import bpy
import numpy as np
import pytest
from recover_motion.addon.cleanup.clean import CleaningPlan
from recover_motion.addon.jobs.job import Job, JobState
from recover_motion.addon.recover import session
from recover_motion.addon.recover.build import build
from recover_motion.addon.recover.import_result import import_result
from recover_motion.addon.recover.plan import Plan
from recover_motion.addon.recover.request_file import Request
from recover_motion.addon.recover.timeline import Timeline
from recover_motion.addon.result.camera import Footage
from recover_motion.inference_backend.protocol.errors import RecoverError
from recover_motion.inference_backend.protocol.messages import Submit

from tests.addon.synthetic_result import Clip, random_motion, write_result

KINDS = ("objects", "collections", "meshes", "armatures", "cameras", "materials", "images", "actions", "shape_keys")


@pytest.fixture
def result(data_folder, plain_body, rng, tmp_path):
    """Two people, of whom one is lost and found again, beside an object of the user's."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    session.queue.jobs.clear()
    bpy.ops.mesh.primitive_cube_add()
    seen = np.arange(12) % 5 > 0
    people = {0: {"motion": random_motion(rng, 12)}, 1: {"motion": random_motion(rng, 12), "valid": seen}}
    return write_result(tmp_path, Clip(np.arange(12) / 30.0, fps=30.0, people=people), plain_body)[0]


def contents():
    return {kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in KINDS}


def people():
    return [obj.name for obj in bpy.data.objects if obj.type == "ARMATURE"]


def begun(steps):
    """Built as far as the second person's body."""
    for _ in steps:
        if len(people()) == 2:
            return


def test_nothing_is_left_of_a_building_that_nobody_waits_for(result):
    before = contents()
    steps = import_result(result, bpy.context.scene)
    begun(steps)
    assert contents() != before
    steps.close()
    assert contents() == before
    assert bpy.context.scene.camera is None
    assert len(bpy.context.scene.timeline_markers) == 0


def test_nothing_is_left_when_the_scene_goes(result):
    scene = bpy.data.scenes.new("Other")
    before = contents()
    steps = import_result(result, scene)
    begun(steps)
    bpy.data.scenes.remove(scene)
    with pytest.raises(RecoverError, match="The scene that the recovered motion was meant for is gone"):
        next(steps)
    assert contents() == before


def test_an_undo_in_edit_mode_does_not_leave_two(result, tmp_path):
    job = Job("a", "a", Submit("a", "v.mp4", str(tmp_path)), lambda _: import_result(result, bpy.context.scene))
    job.state, job.result = JobState.BUILDING, result
    session.queue.jobs.append(job)
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.ed.undo_push(message="edit mode")
    bpy.ops.mesh.subdivide()
    bpy.ops.ed.undo_push(message="subdivide")
    while len(people()) < 2:
        session.tick()
    bpy.ops.ed.undo()
    while job.active:
        session.tick()
    assert job.state is JobState.DONE, job.error
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")
    assert len(bpy.data.objects["Cube"].data.vertices) == 8
    assert len(people()) == 2
    assert len(bpy.context.scene.timeline_markers) == 6


def test_a_video_that_went_while_it_was_recovered_is_told(result, tmp_path):
    scene = bpy.context.scene
    video = tmp_path / "gone.mp4"
    timeline = Timeline(1, np.arange(12), 30.0, 24.0, real_time=False)
    plan = Plan(scene.session_uid, "walk", Footage(video), timeline, Request(str(video)), position_only=False)
    job = Job("a", "a", Submit("a", str(video), str(tmp_path)), functools.partial(build, plan))
    job.state, job.result = JobState.BUILDING, result
    session.queue.jobs.append(job)
    session.wait(job)
    assert job.state is JobState.DONE, job.error
    assert people() == ["walk person 1", "walk person 2"]
    assert f"The video {video} is gone, so the camera shows none behind the scene." in job.notes


def test_an_armature_that_was_deleted_while_it_was_cleaned_is_left_alone(result):
    for _ in import_result(result, bpy.context.scene):
        pass
    person = bpy.data.objects[people()[0]]
    plan = CleaningPlan(person.session_uid, result.parent, 0, False, Request())
    assert plan.armature() == person
    bpy.context.scene.recover_motion_retarget.pairs.add().source = person  # keeps it in the file
    for collection in list(person.users_collection):
        collection.objects.unlink(person)
    with pytest.raises(RecoverError, match="is gone") as error:
        plan.armature()
    assert error.value.remedy == "Undo its removal, and clean it again."
