import builtins
from dataclasses import replace

import numpy as np
import pytest

from inference_backend.evaluation.physics import gaits
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.records.context import StageContext
from inference_backend.records.motion import Contacts
from inference_backend.records.store import load_record, save_record
from inference_backend.stages.foot_lock.settings import FootLockSettings
from inference_backend.stages.foot_lock.stage import lock_feet
from inference_backend.stages.physics import gate
from inference_backend.stages.physics.measures import FootFaults, foot_faults
from inference_backend.stages.physics.settings import PhysicsSettings
from inference_backend.stages.physics.stage import MISSING, apply_physics
from inference_backend.stages.physics.support import supported


def run(video_of, body, gait, contact=None, lock=None, floor=True, **settings):
    said = []
    contacts = Contacts(0, gait.contact if contact is None else contact)
    out, report = apply_physics(
        video_of(gait.time_s),
        gait.motion,
        contacts,
        floor,
        body,
        PhysicsSettings(**({"mode": "auto"} | settings)),
        lock or FootLockSettings(),
        StageContext(note=said.append),
    )
    return out, report, said


def slip(soles, motion, gait):
    points = soles.of_motion(motion)[:, :, :2].reshape(len(gait.time_s), 4, 3)
    return foot_faults(points, gait.time_s, gait.contact).mean_slip()


def test_switched_off_it_is_the_identity(video_of, body, soles):
    gait = gaits.disturbed(gaits.walk(soles, 1.0), 1)
    out, report, _ = run(video_of, body, gait, mode="never")
    assert out is gait.motion
    assert not report.simulated.any()
    assert PhysicsSettings().mode == "never"


def test_sliding_feet_pass_the_gate(video_of, body, soles):
    gait = gaits.disturbed(gaits.walk(soles, 4.0), 1, pelvis_m=0.02)
    out, report, _ = run(video_of, body, gait)
    assert report.simulated.any()
    assert slip(soles, out, gait) < 0.5 * slip(soles, gait.motion, gait)
    assert report.slip_cm_s[1] < report.slip_cm_s[0]
    assert report.penetration_cm[1] < report.penetration_cm[0]
    assert 50 < report.assist_n < 500
    np.testing.assert_array_equal(out.betas, gait.motion.betas)


def test_what_is_good_is_left_alone(video_of, body, soles):
    """Perfect input would gain slip: the gate keeps it, frame by frame."""
    gait = gaits.walk(soles, 4.0)
    out, report, _ = run(video_of, body, gait)
    assert out is gait.motion
    assert {why for *_, why in report.segments} == {"no gain"}
    forced, report, _ = run(video_of, body, gait, mode="always")
    assert report.simulated.all()
    assert forced is not gait.motion


def test_the_path_alone(video_of, body, soles):
    """The simulated path with the pose that went in: the upper body is untouched."""
    gait = gaits.disturbed(gaits.walk(soles, 3.0), 1)
    out, report, _ = run(video_of, body, gait, mode="always", pose_from="input")
    assert report.simulated.all()
    np.testing.assert_allclose(out.body_pose[:, 8:], gait.motion.body_pose[:, 8:], atol=1e-9)
    np.testing.assert_allclose(out.global_orient, gait.motion.global_orient, atol=1e-9)
    assert np.linalg.norm(out.transl - gait.motion.transl, axis=1).mean() > 0.01
    assert report.joints_deg == 0


def test_edited_contacts_count(video_of, body, soles):
    """The same motion with other contacts gives another result: cleaning again runs the stage again."""
    gait = gaits.disturbed(gaits.walk(soles, 2.0), 1)
    one, *_ = run(video_of, body, gait, mode="always")
    other = gait.contact.copy()
    other[:, :2] = False
    two, *_ = run(video_of, body, gait, other, mode="always")
    assert np.abs(one.body_pose - two.body_pose).max() > 0.01


def test_after_the_foot_lock_nothing_gets_worse(video_of, body, soles):
    gait = gaits.disturbed(gaits.walk(soles, 4.0), 2)
    contacts = Contacts(0, gait.contact)
    locked = lock_feet(video_of(gait.time_s), gait.motion, contacts, body, FootLockSettings(), StageContext())
    out, report, _ = run(video_of, body, replace(gait, motion=locked))
    assert slip(soles, out, gait) <= slip(soles, locked, gait) + 0.1
    step = np.linalg.norm(np.diff(out.transl, n=2, axis=0), axis=1).max()
    assert step < 2 * np.linalg.norm(np.diff(locked.transl, n=2, axis=0), axis=1).max() + 0.01
    assert report.person_id == 0


def test_without_a_simulator_there_is_a_note(video_of, body, soles, monkeypatch):
    """The module is taken away at the moment of its import, as on a machine that does not have it."""
    import sys

    for name in [n for n in sys.modules if n.split(".")[0] == "mujoco"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("tracking", "simulate"):
        monkeypatch.delitem(sys.modules, f"inference_backend.stages.physics.{name}", raising=False)
    real = builtins.__import__

    def no_mujoco(name, *args, **more):
        if name == "mujoco":
            raise ImportError("no module named mujoco")
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", no_mujoco)
    gait = gaits.walk(soles, 1.0)
    out, report, said = run(video_of, body, gait, mode="always")
    assert out is gait.motion
    assert said == [MISSING]
    assert not report.segments


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_short_and_empty_tracks(video_of, body, soles, count):
    gait = gaits.walk(soles, 1.0)
    motion = gait.motion
    part = {n: getattr(motion, n)[:count] for n in ("frames", "valid", "global_orient", "body_pose", "transl")}
    short = replace(motion, confidence=motion.confidence[:count], **part)
    gait = gaits.Gait(short, gait.time_s[:count], gait.contact[:count])
    out, report, _ = run(video_of, body, gait, mode="always")
    assert out.transl.shape == (count, 3)
    assert np.isfinite(out.transl).all()
    assert report.simulated.shape == (count,)


def test_nobody_valid_and_gaps(video_of, body, soles):
    gait = gaits.disturbed(gaits.walk(soles, 4.0), 1)
    nobody = replace(gait, motion=replace(gait.motion, valid=np.zeros(120, bool)))
    out, report, said = run(video_of, body, nobody, mode="always")
    assert out is nobody.motion
    assert not report.segments
    assert "does not stand" in said[0]
    gap = np.ones(120, bool)
    gap[50:70] = False
    away = replace(gait, motion=replace(gait.motion, valid=gap))
    out, report, _ = run(video_of, body, away, mode="always")
    assert [(start, end) for start, end, _ in report.segments] == [(0, 50), (70, 120)]
    assert not report.simulated[50:70].any()
    assert np.isfinite(out.transl).all()


def test_numbers_that_are_none_do_not_reach_the_simulation(video_of, body, soles):
    gait = gaits.disturbed(gaits.walk(soles, 4.0), 1)
    transl = gait.motion.transl.copy()
    transl[60:63] = np.nan
    broken = replace(gait, motion=replace(gait.motion, transl=transl))
    out, report, said = run(video_of, body, broken, mode="always")
    assert out is broken.motion
    assert not report.simulated.any()
    assert "no numbers" in said[0]


def test_without_a_floor_nobody_is_put_on_one(video_of, body, soles):
    gait = gaits.disturbed(gaits.walk(soles, 2.0), 1)
    out, report, said = run(video_of, body, gait, mode="always", floor=False)
    assert out is gait.motion
    assert not report.segments
    assert "No floor" in said[0]


def test_who_sits_flies_or_lies_is_not_simulated(body, soles):
    from inference_backend.geometry.forward_kinematics import pose_joints

    gait = gaits.stand(soles, 6.0)

    def look(motion):
        joints, rotations = pose_joints(soles.joints, motion.global_orient, motion.body_pose, motion.transl)
        points = soles.of(joints, rotations).reshape(len(joints), -1, 3)
        return supported(joints, points, motion.valid, gait.time_s, soles)

    assert look(gait.motion).all()
    flying = replace(gait.motion, transl=gait.motion.transl + np.array([0, 0.5, 0]))
    assert not look(flying).any()
    hop = np.where(np.abs(gait.time_s - 3) < 0.25, 0.3, 0.0)
    assert look(replace(gait.motion, transl=gait.motion.transl + hop[:, None] * [0, 1, 0])).all()
    lying = replace(gait.motion, transl=gait.motion.transl - [0, 0.75, 0])
    assert not look(lying).any()
    # Thighs level, shins upright, feet well before the pelvis, for seconds: on a chair.
    sitting = gaits._pose_legs(soles, np.full(180, -0.45), np.full(180, 0.5), np.zeros((180, 2, 2)))
    assert not look(replace(gait.motion, body_pose=sitting[0][:, 1:], transl=sitting[1])).any()


def test_the_gate():
    time = np.arange(60) / 30
    done, still = np.ones(60, bool), np.zeros(60)

    def faults(slip, depth=0.0):
        return FootFaults(np.full(60, slip), np.full(60, 4), np.full(60, depth), np.zeros(60))

    def verdict(joints=1.0, pelvis=0.03, before=5.0, after=1.0, ok=done, **settings):
        limits = PhysicsSettings(**({"mode": "auto"} | settings))
        return gate.assess((0, 60), ok, still + joints, still + pelvis, faults(before), faults(after), limits).reason

    assert verdict() == ""
    assert verdict(joints=5.1) == "joints"
    assert verdict(pelvis=0.13) == "pelvis"
    assert verdict(after=3.6) == "no gain"
    assert verdict(after=3.4) == ""
    assert verdict(before=0.4, after=0.0) == "no gain"
    fallen = done.copy()
    fallen[30] = False
    assert verdict(ok=fallen) == "fell"
    assert verdict(ok=fallen, mode="always") == "fell"
    assert verdict(joints=50, after=9, mode="always") == ""
    assert faults(2.0, 1.0).cost(slice(0, 60)) == 3.0
    assert gate.segments(0, 60, time, 1.0) == [(0, 30), (30, 60)]
    assert gate.segments(10, 22, time, 2.0) == [(10, 22)]


def test_accepted_segments_begin_and_end_smoothly():
    time = np.arange(90) / 30
    accepted = (time >= 1) & (time < 2)
    weight = gate.weights(accepted, time)
    assert weight[~accepted].max() == 0
    assert weight[45] == 1
    assert np.abs(np.diff(weight)).max() < 0.2
    np.testing.assert_array_equal(gate.weights(np.ones(90, bool), time), np.ones(90))
    np.testing.assert_array_equal(gate.weights(np.zeros(90, bool), time), np.zeros(90))


def test_reports_are_kept_in_the_cache(tmp_path, video_of, body, soles):
    gait = gaits.disturbed(gaits.walk(soles, 2.0), 1)
    _, report, _ = run(video_of, body, gait)
    save_record(tmp_path / "report.npz", report)
    back = load_record(tmp_path / "report.npz")
    assert back.segments == report.segments
    np.testing.assert_array_equal(back.simulated, report.simulated)


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "on"}, {"pose_from": "video"}, {"step_hz": 60.0}, {"assist_n": -1.0}, {"segment_s": float("nan")}],
)
def test_physics_settings_are_checked(wrong):
    with pytest.raises(RecoverError) as caught:
        PhysicsSettings(**wrong)
    assert caught.value.code == ErrorCode.BAD_SETTING
