"""The real backend killed at every stage, of another version, or without weights; and a .blend file without a name."""

import shutil
import sys
from pathlib import Path

import bpy
import pytest
from recover_motion.addon.cleanup.clean import cleaning_job
from recover_motion.addon.compat import action_fcurves
from recover_motion.addon.jobs.job import JobState
from recover_motion.addon.recover import session
from recover_motion.inference_backend.protocol.estimators import OFFERS

from tests.addon.recover.conftest import BACKEND, SAMPLE, add_strip, recover

STAGES = (
    "frames",
    "shots",
    "people",
    "background",
    "camera",
    "estimate",
    "world",
    "trajectory",
    "contacts",
    "foot_lock",
    "physics",
    "result",
)
FRAMES = 24

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills by signals")


@pytest.fixture
def short_strip(backend, tmp_path, monkeypatch):
    """A second of the sample, selected, in a file that was never saved; nothing is in the cache, no backend runs."""
    monkeypatch.setenv("RECOVER_MOTION_DATA", str(tmp_path / "data"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    session.queue.close(timeout_s=5.0)
    session.queue.jobs.clear()
    strip = add_strip(SAMPLE / "sample.mp4", first=1)
    strip.frame_final_end = 1 + FRAMES
    yield strip
    session.queue.close(timeout_s=5.0)


@pytest.fixture
def faulty(short_strip, tmp_path, monkeypatch):
    interpreter = tmp_path / "python"
    program = Path(__file__).with_name("faulty_backend.py")
    interpreter.write_text(f'#!/bin/sh\nexec "{BACKEND}" "{program}" "$@"\n')
    interpreter.chmod(0o755)
    monkeypatch.setenv("RECOVER_MOTION_PYTHON", str(interpreter))


def stages_from_the_cache(monkeypatch):
    """Filled with the names of stages as the backend says that it reuses them."""
    seen = set()
    tell = session.queue._tell

    def listen(message):
        if getattr(message, "reused", False):
            seen.add(message.stage)
        tell(message)

    monkeypatch.setattr(session.queue, "_tell", listen)
    return seen


def armatures():
    return [o for o in bpy.data.objects if o.type == "ARMATURE"]


def motion(armature):
    """All keys of the action in use."""
    curves = action_fcurves(armature.animation_data.action)
    return {(c.data_path, c.array_index): [tuple(key.co) for key in c.keyframe_points] for c in curves}


def test_killed_at_each_stage_it_says_so_and_each_further_click_goes_on(faulty, monkeypatch):
    reused = stages_from_the_cache(monkeypatch)
    for done, stage in enumerate(STAGES):
        monkeypatch.setenv("RECOVER_MOTION_TEST_DIE_AT", stage)
        reused.clear()
        outcome = recover(trajectory="always", physics="always")
        assert "The backend stopped unexpectedly (signal 9)." in outcome.said
        assert "Click the same button again: finished stages are kept." in outcome.said
        job = session.queue.jobs[-1]
        assert (job.state, job.stage) == (JobState.FAILED, stage)
        assert reused == set(STAGES[: max(done - 1, 0)])  # all that an earlier click finished
        assert armatures() == []
    monkeypatch.delenv("RECOVER_MOTION_TEST_DIE_AT")
    reused.clear()
    assert recover().status == {"FINISHED"}
    assert reused == set(STAGES) - {"result"}
    (armature,) = armatures()
    assert armature.animation_data.action.frame_range[:] == (1, FRAMES)


@pytest.mark.usefixtures("faulty")
def test_a_backend_of_another_version_is_refused_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setenv("RECOVER_MOTION_TEST_PROTOCOL", "0")
    said = recover().said
    assert "The backend speaks version 0 of the protocol" in said
    assert "Restart Blender" in said
    assert not list((tmp_path / "data" / "results").glob("*"))
    assert armatures() == []


def test_a_cleaning_that_comes_to_nothing_leaves_no_folder_and_the_motion_as_it_was(faulty, monkeypatch, tmp_path):
    assert recover(estimator="kinematic").status == {"FINISHED"}
    (armature,) = armatures()
    bpy.context.view_layer.objects.active = armature
    recovered = Path(armature.recover_motion.folder)
    files = {path.name for path in recovered.iterdir()}
    keys = motion(armature)

    job = cleaning_job("cancelled", armature, {"foot_lock": {"strength": 0.5}}, bpy.context.scene)
    session.submit(job)
    session.queue.cancel(job)
    session.wait(job)
    assert job.state is JobState.CANCELLED

    session.queue.close(timeout_s=5.0)
    early = cleaning_job("before the backend has spoken", armature, {}, bpy.context.scene)
    session.submit(early)
    session.queue.cancel(early)
    assert early.state is JobState.CANCELLED
    session.queue.close(timeout_s=5.0)

    monkeypatch.setenv("RECOVER_MOTION_TEST_DIE_AT", "foot_lock")
    bpy.context.scene.recover_motion.lock_strength = 0.25
    with pytest.raises(RuntimeError, match="stopped unexpectedly"):
        bpy.ops.recover_motion.clean("EXEC_DEFAULT")
    monkeypatch.setenv("RECOVER_MOTION_PYTHON", str(tmp_path / "gone"))
    with pytest.raises(RuntimeError, match="is not there"):
        bpy.ops.recover_motion.clean("EXEC_DEFAULT")
    assert {path.name for path in recovered.iterdir()} == files
    assert motion(armature) == keys
    assert not list((tmp_path / "data" / "results").glob("*/clean *"))


def test_missing_weights_are_named_before_any_work(short_strip, monkeypatch):
    seen = stages_from_the_cache(monkeypatch)
    for offer in OFFERS:
        missing = {f"{part}_weights": f"/nowhere/{part}.safetensors" for part in offer.weights}
        if missing:
            said = recover(estimator=offer.name, **missing).said
            assert any(path in said for path in missing.values()), (offer.name, said)
            assert session.queue.jobs[-1].stage in ("", "frames")
    assert seen <= {"frames"}  # which only looks at the file


def test_a_file_that_was_never_saved_is_no_obstacle_nor_is_an_odd_name(short_strip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    video = tmp_path / 'it\'s a "walk" $HOME ü 走 .mp4'
    shutil.copyfile(SAMPLE / "sample.mp4", video)
    short_strip.filepath, short_strip.name = str(video), 'a/b: "c" 走'
    before = set(tmp_path.iterdir())
    assert bpy.data.filepath == ""
    outcome = recover()
    assert outcome.status == {"FINISHED"}
    assert outcome.job.summary == f"1 person, {FRAMES} frames, MoRo"
    (armature,) = armatures()
    folder = Path(armature.recover_motion.folder)
    assert folder.is_absolute()
    assert folder.parent == tmp_path / "data" / "results"
    assert set(tmp_path.iterdir()) - before == {tmp_path / "data"}
    facts = dict(armature.recover_motion.account.facts)
    del facts["Stages"]  # depends on what the default settings find worth doing
    assert facts == {
        "Person": "1 of 1",
        "Estimator": "MoRo",
        "Body": "SMPLX_OPEN",
        "Version": "as recovered",
    }
