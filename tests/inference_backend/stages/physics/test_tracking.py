from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inference_backend.evaluation.physics import gaits
from inference_backend.stages.physics.measures import foot_faults, joint_deviation
from inference_backend.stages.physics.reference import Reference
from inference_backend.stages.physics.settings import PhysicsSettings
from inference_backend.stages.physics.simulate import simulate


def track(gait, humanoid, **settings):
    return simulate(gait.motion, gait.time_s, humanoid, PhysicsSettings(mode="always", **settings), lambda *_: None)


def sole_points(humanoid, motion):
    return humanoid.soles.of_motion(motion).reshape(len(motion.frames), -1, 3)


def test_a_standing_body_stays_for_ten_seconds(humanoid):
    gait = gaits.stand(humanoid.soles, 10.0)
    done = track(gait, humanoid)
    assert done.tracked.done.all()
    assert np.linalg.norm(done.motion.transl - gait.motion.transl, axis=1).max() < 0.02
    assert joint_deviation(done.motion.body_pose, gait.motion.body_pose).max() < 1.0
    assert joint_deviation(done.motion.global_orient[:, None], gait.motion.global_orient[:, None]).max() < 1.0


def test_what_floats_lands(humanoid):
    """10 cm over the floor: the feet come down and stay; what sinks in comes up."""
    gait = gaits.stand(humanoid.soles, 4.0)
    for shift in (0.10, -0.04):
        moved = replace(gait, motion=replace(gait.motion, transl=gait.motion.transl + np.array([0, shift, 0])))
        done = track(moved, humanoid)
        lowest = sole_points(humanoid, done.motion)[60:, :, 1].min(1)
        assert np.abs(lowest).max() < 0.01
        assert done.tracked.done.all()


@pytest.mark.parametrize("name", ["squat", "steps", "walk"])
def test_feet_slide_and_sink_less(humanoid, name):
    made = {
        "squat": gaits.squat(humanoid.soles, 4.0),
        "steps": gaits.walk(humanoid.soles, 4.0, 0.0),
        "walk": gaits.walk(humanoid.soles, 4.0, 1.0),
    }[name]
    gait = gaits.disturbed(made, 1)
    done = track(gait, humanoid, smoothing_s=0.0)
    assert done.tracked.done.all()
    assert not done.tracked.fell
    before, after = (foot_faults(sole_points(humanoid, m), gait.time_s) for m in (gait.motion, done.motion))
    assert after.mean_slip() < 0.35 * before.mean_slip()
    assert after.penetration.max() < 1.0
    assert before.penetration.max() > 3.0
    assert after.hover.max() < 0.5 * before.hover.max()
    assert joint_deviation(gait.motion.body_pose, done.motion.body_pose).mean() < 2.5
    assert np.linalg.norm(done.motion.transl - gait.motion.transl, axis=1).mean() < 0.08


def test_frame_rates_and_uneven_times(humanoid):
    """23.976 fps with a frame missing: every frame is reached at its own time."""
    gait = gaits.walk(humanoid.soles, 3.0)
    reference = Reference(gait.motion, gait.time_s, 0.0, humanoid.soles.joints[0])
    times = np.delete(np.arange(60) / 23.976, 20)
    targets = reference.at(times)
    local = Rotation.from_quat(targets.quaternions.reshape(-1, 4)[:, [1, 2, 3, 0]]).as_matrix().reshape(-1, 22, 3, 3)
    count = len(times)
    motion = replace(
        gait.motion,
        frames=np.arange(count),
        valid=np.ones(count, bool),
        global_orient=local[:, 0],
        body_pose=local[:, 1:],
        transl=targets.pelvis - humanoid.soles.joints[0],
        confidence=np.ones((count, 22), np.float32),
    )
    done = simulate(motion, times, humanoid, PhysicsSettings(mode="always"), lambda *_: None)
    assert done.tracked.done.all()
    assert np.linalg.norm(done.motion.transl - motion.transl, axis=1).mean() < 0.08


def test_the_references_velocities_are_those_of_its_curve(humanoid):
    gait = gaits.walk(humanoid.soles, 2.0)
    reference = Reference(gait.motion, gait.time_s, 0.1, humanoid.soles.joints[0])
    times = np.linspace(0.3, 1.5, 40)
    a, b = reference.at(times - 1e-4), reference.at(times + 1e-4)
    middle = reference.at(times)
    np.testing.assert_allclose((b.pelvis - a.pelvis) / 2e-4, middle.velocity, atol=1e-4)
    first, second = (Rotation.from_quat(t.quaternions.reshape(-1, 4)[:, [1, 2, 3, 0]]) for t in (a, b))
    spin = ((first.inv() * second).as_rotvec() / 2e-4).reshape(-1, 22, 3)
    np.testing.assert_allclose(spin, middle.spin, atol=1e-3)


def test_a_motion_that_no_body_can_do_is_a_fall_with_an_end(humanoid):
    """The pelvis is torn away at 20 m/s for half a second; before and long after that the body stands."""
    gait = gaits.stand(humanoid.soles, 6.0)
    torn = gait.motion.transl.copy()
    torn[80:96] += np.linspace(0, 1, 16)[:, None] * [10.0, 0, 0]
    torn[96:] += [10.0, 0, 0]
    gait = replace(gait, motion=replace(gait.motion, transl=torn))
    done = track(gait, humanoid, smoothing_s=0.0)
    assert done.tracked.retried
    assert done.tracked.fell
    assert done.tracked.done[:40].all()
    assert not done.tracked.done.all()
    assert done.tracked.done[-1]
    assert np.isfinite(done.motion.transl).all()
    assert np.isfinite(done.motion.body_pose).all()


def test_the_assist_has_a_limit(humanoid):
    """A reference that flies cannot be followed by 500 N, which is less than the body's weight."""
    gait = gaits.stand(humanoid.soles, 1.4)
    rising = gait.motion.transl + np.clip(gait.time_s - 0.5, 0, None)[:, None] * [0, 0.15, 0]
    done = track(replace(gait, motion=replace(gait.motion, transl=rising)), humanoid)
    lowest = sole_points(humanoid, done.motion)[..., 1].min(1)
    assert not done.tracked.retried
    assert lowest.max() < 0.01
    assert done.tracked.assist_n.max() <= 500.01


def test_on_a_path_that_is_too_long_an_anchored_reference_lets_the_feet_win(humanoid):
    gait = gaits.disturbed(gaits.walk(humanoid.soles, 6.0), 3, pelvis_m=0.0, stretch=1.1)
    contact = np.repeat(gait.contact[:, [0, 2]], humanoid.soles.points.shape[1], axis=1)
    slips, gone = [], []
    for anchor_s in (0.0, 0.5):
        done = track(gait, humanoid, smoothing_s=0.0, anchor_s=anchor_s)
        slips.append(foot_faults(sole_points(humanoid, done.motion), gait.time_s, contact).mean_slip())
        gone.append(done.motion.transl[-1, 2] - gait.motion.transl[-1, 2])
    assert slips[1] < 0.7 * slips[0]
    assert gone[1] < gone[0] - 0.1


def test_the_same_again(humanoid):
    gait = gaits.disturbed(gaits.walk(humanoid.soles, 1.5), 4)
    one, two = track(gait, humanoid), track(gait, humanoid)
    np.testing.assert_array_equal(one.motion.transl, two.motion.transl)
