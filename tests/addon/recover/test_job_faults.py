"""What can go wrong around a job: a backend that dies, a file that is opened, an add-on that is switched off."""

import os
import signal
import time
import wave

import bpy
import pytest
import recover_motion
from recover_motion.addon.cleanup.ops import RecoverMotionClean
from recover_motion.addon.compat import sequencer_strips
from recover_motion.addon.jobs.job import JobState
from recover_motion.addon.recover import session
from recover_motion.addon.recover.ops import RecoverMotionRecover, new_job
from recover_motion.addon.recover.strip import chosen_strip
from recover_motion.addon.setup import session as setup_session

from tests.addon.recover.conftest import SAMPLE, add_strip, recover


@pytest.fixture(autouse=True)
def empty_file(data_folder):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    session.queue.jobs.clear()
    session.tick()


def drive(until, seconds=300.0):
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        if not session.tick():
            time.sleep(0.01)
    assert until()


def click():
    """What the button does in a window; without one Blender executes operators instead of invoking them."""
    job = new_job(bpy.context.scene, chosen_strip(bpy.context))
    session.submit(job)
    return job


def begin():
    """Click the button, and wait until the people stage is under way."""
    job = click()
    drive(lambda: (job.stage == "people" and job.fraction > 0.0) or not job.active)
    assert job.state is JobState.RUNNING, job.error
    return job, session.queue._client.pid


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_end(pid):
    end = time.monotonic() + 5.0
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)


def test_a_killed_backend_fails_the_job_and_the_next_click_goes_on_from_the_cache(backend):
    add_strip(SAMPLE / "sample.mp4")
    job, pid = begin()
    os.kill(pid, signal.SIGKILL)
    drive(lambda: not job.active)
    assert job.state is JobState.FAILED
    assert "stopped unexpectedly" in job.error.sentence
    assert "Click the same button again" in job.error.remedy
    assert len(bpy.data.armatures) == 0

    again, seen = click(), []
    tell = session.queue._tell
    session.queue._tell = lambda message: (seen.append(message), tell(message))
    try:
        drive(lambda: again.stage == "people" or not again.active)
    finally:
        del session.queue._tell
    assert {m.stage for m in seen if getattr(m, "reused", False)} >= {"frames", "shots"}
    bpy.ops.recover_motion.cancel(job=again.name)
    assert again.cancelling
    drive(lambda: not again.active)
    assert again.state is JobState.CANCELLED
    assert alive(session.queue._client.pid)  # kept for the next job
    bpy.ops.recover_motion.dismiss(job=again.name)
    assert again not in session.queue.jobs


def test_opening_a_file_ends_the_job_and_its_backend(backend):
    add_strip(SAMPLE / "sample.mp4")
    job, pid = begin()
    bpy.ops.wm.read_homefile(use_empty=True)
    assert job.state is JobState.CANCELLED
    assert wait_for_end(pid)
    assert not session.tick()
    assert len(bpy.data.armatures) == 0


def test_saving_and_undo_leave_a_running_job_alone(backend, tmp_path):
    bpy.ops.ed.undo_push(message="before")
    add_strip(SAMPLE / "sample.mp4")
    bpy.ops.ed.undo_push(message="strip")
    job, _ = begin()
    bpy.data.objects.new("Later", None)
    bpy.ops.ed.undo_push(message="later")
    bpy.ops.ed.undo()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "during.blend"))
    session.tick()
    assert job.state is JobState.RUNNING
    session.queue.cancel(job)
    drive(lambda: not job.active)


def test_switching_the_add_on_off_ends_the_backend(backend):
    add_strip(SAMPLE / "sample.mp4")
    job, pid = begin()
    recover_motion.unregister()
    try:
        assert job.state is JobState.CANCELLED
        assert wait_for_end(pid)
        assert not hasattr(bpy.types.Scene, "recover_motion")
    finally:
        recover_motion.register()


def ours_in_blender():
    """Names of our functions that Blender calls by itself, and of our types and properties."""
    lists = [getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)]
    lists = [functions for functions in lists if isinstance(functions, list)]
    lists.append(bpy.types.TOPBAR_MT_file_import.draw._draw_funcs)
    called = [f.__qualname__ for functions in lists for f in functions if f.__module__.startswith("recover_motion.")]
    timers = [f.__qualname__ for f in (session._timer, setup_session._timer) if bpy.app.timers.is_registered(f)]
    properties = [
        name for kind in (bpy.types.Scene, bpy.types.Object) for name in dir(kind) if "recover_motion" in name
    ]
    return called, timers, properties, [name for name in dir(bpy.types) if "recovermotion" in name.lower()]


def test_switching_the_add_on_off_leaves_nothing_of_it_in_blender(data_folder):
    called, _, properties, types = ours_in_blender()
    assert len(called) >= 4
    assert len(properties) >= 4
    assert len(types) >= 10
    setup_session._watch()
    bpy.app.timers.register(session._timer, persistent=True)
    recover_motion.unregister()
    try:
        assert ours_in_blender() == ([], [], [], [])
    finally:
        recover_motion.register()
    assert ours_in_blender() == (called, [], properties, types)


def test_repeat_last_cannot_wait_for_a_recovery_with_blender_frozen():
    """It executes instead of invoking, and executing waits. It knows only operators that register."""
    for button in (RecoverMotionRecover, RecoverMotionClean):
        assert "REGISTER" not in button.bl_options


def test_without_a_backend_the_button_says_what_to_do(data_folder, monkeypatch):
    add_strip(SAMPLE / "sample.mp4")
    monkeypatch.delenv("RECOVER_MOTION_PYTHON")
    assert "is not installed yet. Open the add-on's preferences" in recover().said
    monkeypatch.setenv("RECOVER_MOTION_PYTHON", "/nowhere/python")
    assert "is not there: /nowhere/python" in recover().said
    assert session.queue.jobs == []


def test_a_file_that_is_gone_is_named(data_folder, tmp_path):
    path = tmp_path / "walk.mp4"
    path.write_bytes((SAMPLE / "sample.mp4").read_bytes())
    add_strip(path)
    path.unlink()
    said = recover().said
    assert f"is gone: {path}" in said
    assert "choose the file again" in said


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("META", "open it with Tab"), ("SCENE", "render it to a video"), ("COLOR", "no file of its own")],
)
def test_strips_that_hold_no_video_get_a_sentence(data_folder, kind, sentence):
    scene = bpy.context.scene
    strips = sequencer_strips(scene.sequence_editor_create())
    if kind == "META":
        strip = strips.new_meta("it", channel=1, frame_start=1)
    elif kind == "SCENE":
        strip = strips.new_scene("it", bpy.data.scenes.new("Other"), channel=1, frame_start=1)
    else:
        ends = {"length": 25} if bpy.app.version >= (5, 0, 0) else {"frame_end": 25}
        strip = strips.new_effect("it", "COLOR", channel=1, frame_start=1, **ends)
    scene.sequence_editor.active_strip = strip
    strip.select = True
    assert sentence in recover().said


def test_a_sound_strip_gets_a_sentence(data_folder, tmp_path):
    with wave.open(str(tmp_path / "noise.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    scene = bpy.context.scene
    strips = sequencer_strips(scene.sequence_editor_create())
    try:
        strip = strips.new_sound("it", str(tmp_path / "noise.wav"), channel=1, frame_start=1)
    except RuntimeError as error:  # the module of 4.2
        pytest.skip(f"this bpy has no sound: {error}")
    scene.sequence_editor.active_strip = strip
    strip.select = True
    assert "movie strip beside it" in recover().said


def test_no_strip_gets_a_sentence(data_folder):
    assert "Select a movie or image strip" in recover().said


def test_a_linked_scene_is_refused_before_anything_is_recovered(data_folder, tmp_path):
    add_strip(SAMPLE / "sample.mp4")
    bpy.context.scene.name = "Edit"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "edit.blend"), link=True) as (_, into):
        into.scenes = ["Edit"]
    (linked,) = (scene for scene in bpy.data.scenes if scene.library)
    with bpy.context.temp_override(scene=linked):
        assert "is linked from" in recover().said


# Last: it fills the cache, and the others must meet the backend at work.
def test_an_undo_while_the_result_is_built_starts_the_building_again(backend):
    bpy.ops.ed.undo_push(message="before")
    add_strip(SAMPLE / "sample.mp4")
    bpy.ops.ed.undo_push(message="strip")
    job = click()
    drive(lambda: len(bpy.data.armatures) > 0 or not job.active)
    assert job.state is JobState.BUILDING, job.error
    bpy.context.scene.frame_set(3)
    bpy.ops.ed.undo_push(message="frame")
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    bpy.ops.ed.redo()
    drive(lambda: not job.active)
    assert job.state is JobState.DONE, job.error
    assert len([o for o in bpy.data.objects if o.type == "ARMATURE"]) == 1
    bpy.ops.ed.undo()
    assert len(bpy.data.armatures) == 0
