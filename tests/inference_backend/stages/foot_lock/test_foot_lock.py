from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from inference_backend.geometry.feet import HEEL, TOE
from inference_backend.geometry.forward_kinematics import pose_joints
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.records.context import StageContext
from inference_backend.records.motion import Contacts
from inference_backend.stages.contacts.settings import ContactSettings
from inference_backend.stages.contacts.stage import find_contacts
from inference_backend.stages.foot_lock.pins import faded, place_pins, split_wandering
from inference_backend.stages.foot_lock.settings import FootLockSettings
from inference_backend.stages.foot_lock.stage import lock_feet


def disturbed(walk, seed=0, root_m=0.02, pose_deg=2.0):
    """Slow errors of the root and of every joint, as estimates have them."""
    rng = np.random.default_rng(seed)
    count = len(walk.motion.frames)

    def slow(channels):
        noise = gaussian_filter1d(rng.normal(size=(count + 200, channels)), 8, axis=0)[100:-100]
        return noise / noise.std()

    turn = Rotation.from_rotvec(np.deg2rad(pose_deg) * slow(63).reshape(-1, 3)).as_matrix()
    return replace(
        walk.motion,
        transl=walk.motion.transl + root_m * slow(3),
        body_pose=walk.motion.body_pose @ turn.reshape(count, 21, 3, 3),
    )


def lock(studio, walk, motion, contact=None, *, smoothing_s=0.0, **settings):
    """The lock alone: smoothing, which comes first, is off unless a test asks for it."""
    settings["smoothing_s"] = smoothing_s
    contacts = Contacts(0, walk.contact if contact is None else contact)
    return lock_feet(walk.video, motion, contacts, studio.body, FootLockSettings(**settings), StageContext())


def slip(walk, motion, contact=None):
    contact = walk.contact if contact is None else contact
    speed = np.linalg.norm(np.diff(walk.points(motion)[..., [0, 2]], axis=0), axis=-1) * walk.video.fps
    return speed[contact[1:] & contact[:-1]].mean()


def depth_below_floor(walk, motion):
    return np.maximum(-walk.soles.of_motion(motion)[..., 1], 0).max()


def joints(walk, motion):
    return pose_joints(walk.soles.joints, motion.global_orient, motion.body_pose, motion.transl)[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_feet_in_contact_stand_still(studio, seed):
    walk = studio.walk()
    before = disturbed(walk, seed)
    after = lock(studio, walk, before)
    assert slip(walk, before) > 0.08
    assert slip(walk, after) < 0.005
    assert depth_below_floor(walk, before) > 0.01
    assert depth_below_floor(walk, after) < 1e-6
    np.testing.assert_allclose(walk.points(after)[walk.contact][:, 1], walk.points()[walk.contact][:, 1], atol=0.002)
    assert np.linalg.det(after.body_pose).min() > 1 - 1e-9


def test_the_rest_of_the_body_is_left_alone(studio):
    walk = studio.walk()
    before = disturbed(walk)
    after = lock(studio, walk, before)
    legs = [0, 1, 3, 4, 6, 7, 9, 10]
    upper = [j for j in range(21) if j not in legs]
    np.testing.assert_array_equal(after.body_pose[:, upper], before.body_pose[:, upper])
    np.testing.assert_array_equal(after.global_orient, before.global_orient)
    np.testing.assert_array_equal(after.betas, before.betas)
    turned = Rotation.from_matrix((before.body_pose.swapaxes(-1, -2) @ after.body_pose)[:, legs].reshape(-1, 3, 3))
    assert np.rad2deg(turned.magnitude()).mean() < 6
    assert np.linalg.norm(after.transl - before.transl, axis=1).max() < 0.12


def test_locking_twice_changes_nothing_more(studio):
    walk = studio.walk()
    once = lock(studio, walk, disturbed(walk))
    twice = lock(studio, walk, once)
    moved = np.linalg.norm(joints(walk, twice) - joints(walk, once), axis=-1).max(1)
    assert np.quantile(moved, 0.95) < 1e-3
    assert moved.max() < 5e-3


def test_a_true_walk_is_kept(studio):
    walk = studio.walk()
    after = lock(studio, walk, walk.motion)
    assert np.linalg.norm(joints(walk, after) - joints(walk, walk.motion), axis=-1).max() < 2e-3


def test_the_motion_stays_as_smooth_as_it_was(studio):
    walk = studio.walk()
    before = disturbed(walk)
    after = lock(studio, walk, before)

    def acceleration(motion):
        return np.linalg.norm(np.diff(joints(walk, motion), 2, axis=0), axis=-1) * walk.video.fps**2

    assert np.sqrt((acceleration(after) ** 2).mean()) < 1.15 * np.sqrt((acceleration(before) ** 2).mean())
    assert acceleration(after).max() < 2.5 * acceleration(before).max()


def test_a_floating_person_lands(studio):
    walk = studio.walk(speed=0)
    high = replace(walk.motion, transl=walk.motion.transl + np.array([0, 0.1, 0]))
    contacts = find_contacts(walk.video, high, studio.body, ContactSettings(), StageContext())
    after = lock(studio, walk, high, contacts.contact)
    assert np.abs(walk.points(after)[..., 1]).max() < 0.002
    assert np.abs(after.transl - walk.motion.transl)[:, 1].max() < 0.02


def test_a_standing_person_stands_for_ten_seconds(studio):
    walk = studio.walk(speed=0, seconds=10)
    after = lock(studio, walk, disturbed(walk, root_m=0.01, pose_deg=1.0))
    feet = walk.points(after)
    assert np.ptp(feet, axis=0).max() < 0.002
    assert np.linalg.norm(after.transl - walk.motion.transl, axis=1).max() < 0.05


def test_toe_contact_lets_the_heel_lift(studio):
    walk = studio.walk(speed=0, seconds=3)
    count = len(walk.motion.frames)
    raise_deg = 40 * np.clip((np.arange(count) - 30) / 30, 0, 1)
    pose = walk.motion.body_pose.copy()
    pose[:, 6] = pose[:, 6] @ Rotation.from_rotvec(raise_deg[:, None] * [1, 0, 0], degrees=True).as_matrix()
    motion = replace(walk.motion, body_pose=pose)
    contact = np.ones((count, 4), bool)
    contact[30:, 0] = False
    after = lock(studio, walk, motion, contact)
    left = walk.points(after)[:, [HEEL, TOE]]
    off = np.abs(left[:, TOE] - left[0, TOE]).max(0)
    assert off[[0, 2]].max() < 1e-3
    assert off[1] < 0.015  # the toe's tip, in front of its lowest point, must not sink
    assert left[-1, HEEL, 1] > 0.06
    assert depth_below_floor(walk, after) < 1e-6


def test_no_foot_goes_through_the_floor_without_contact(studio):
    walk = studio.walk(speed=0, seconds=3)
    dip = 0.08 * np.exp(-(((np.arange(90) - 45) / 10) ** 2))
    sunk = replace(walk.motion, transl=walk.motion.transl - dip[:, None] * [0, 1, 0])
    none = np.zeros_like(walk.contact)
    after = lock(studio, walk, sunk, none)
    assert depth_below_floor(walk, sunk) > 0.07
    assert depth_below_floor(walk, after) < 1e-6
    allowed = lock(studio, walk, sunk, none, keep_above_floor=False)
    np.testing.assert_array_equal(allowed.body_pose, sunk.body_pose)


def test_nothing_to_do_changes_nothing(studio):
    walk = studio.walk(speed=0, seconds=2)
    high = replace(disturbed(walk), transl=walk.motion.transl + np.array([0, 0.5, 0]))
    for after in (
        lock(studio, walk, high, np.zeros_like(walk.contact)),
        lock(studio, walk, high, strength=0.0),
        lock(studio, walk, replace(high, valid=np.zeros(60, bool))),
    ):
        np.testing.assert_array_equal(after.transl, high.transl)
        np.testing.assert_allclose(after.body_pose, high.body_pose, atol=1e-9)


def test_strength_is_between_nothing_and_all(studio):
    walk = studio.walk()
    before = disturbed(walk)
    slips = [slip(walk, lock(studio, walk, before, strength=s, keep_above_floor=False)) for s in (0.0, 0.5, 1.0)]
    assert slips[0] == pytest.approx(slip(walk, before), rel=1e-6)
    assert 0.3 < slips[1] / slips[0] < 0.7
    assert slips[2] < 0.1 * slips[0]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_short_clips(studio, count, smoothing):
    walk = studio.walk()
    few = studio.shorter(disturbed(walk), count)
    after = lock(studio, walk, few, walk.contact[:count], smoothing_s=smoothing)
    assert after.transl.shape == (count, 3)
    assert np.isfinite(after.transl).all()
    assert np.isfinite(after.body_pose).all()


def test_an_impossible_contact_stays_finite(studio):
    """A user may mark a foot as standing while it is far over the floor."""
    walk = studio.walk(speed=0, seconds=2)
    high = replace(walk.motion, transl=walk.motion.transl + np.array([0, 1.5, 0]))
    after = lock(studio, walk, high)
    assert np.isfinite(after.body_pose).all()
    assert np.abs(after.transl - high.transl).max() < 0.5


def test_smoothing_follows_time_stamps(studio):
    walk = studio.walk(speed=0)
    rng = np.random.default_rng(0)
    shake = Rotation.from_rotvec(0.03 * rng.normal(size=(180 * 21, 3))).as_matrix().reshape(180, 21, 3, 3)
    noisy = replace(walk.motion, body_pose=walk.motion.body_pose @ shake)
    calm = lock(studio, walk, noisy, np.zeros_like(walk.contact), smoothing_s=0.5, keep_above_floor=False)

    def jitter(motion):
        return np.linalg.norm(np.diff(joints(walk, motion), 2, axis=0), axis=-1).mean()

    assert jitter(calm) < 0.05 * jitter(noisy)
    off = Rotation.from_matrix((calm.body_pose.swapaxes(-1, -2) @ walk.motion.body_pose).reshape(-1, 3, 3)).magnitude()
    assert np.rad2deg(off).mean() < 1.5


def test_one_place_for_heel_and_toe(studio):
    """Heel and toe pins of one stance are a rigid foot's length apart, whatever the noise."""
    walk = studio.walk(speed=0, seconds=2)
    points = walk.points()[:, :2] + np.random.default_rng(0).normal(0, 0.02, (60, 2, 3))
    pins = place_pins(points, np.zeros(60), np.ones((60, 2), bool), walk.video.time_s, walk.soles, 0, 0.2, 0.15)
    length = np.linalg.norm(walk.soles.points[0, TOE] - walk.soles.points[0, HEEL])
    assert np.linalg.norm(pins.places[TOE][0] - pins.places[HEEL][0]) == pytest.approx(length, abs=1e-6)


def test_a_wandering_contact_is_split_where_it_wanders():
    time = np.arange(60) / 30
    path = np.zeros((60, 2))
    path[25:, 0] = 0.3
    parts = split_wandering((0, 60), path, time, 0.12, 0.1)
    assert len(parts) == 2
    assert parts[0][0] == 0
    assert parts[1][1] == 60
    assert parts[0][1] <= 25 <= parts[1][0]
    assert split_wandering((0, 60), path * 0.2, time, 0.12, 0.1) == [(0, 60)]


def test_corrections_fade_and_meet():
    time = np.arange(40) / 10
    wanted = np.zeros((40, 1))
    wanted[10:15], wanted[18:25] = 2.0, -1.0
    correction, weight = faded([(10, 15), (18, 25)], wanted, time, 0.5)
    assert (correction[:5] == 0).all()
    assert (weight[10:15] == 1).all()
    assert (np.diff(correction[5:11, 0]) >= 0).all()
    between = correction[14:19, 0]
    assert (np.diff(between) < 0).all()
    assert between[0] == 2
    assert between[-1] == -1


@pytest.mark.parametrize("wrong", [{"strength": 1.5}, {"blend_s": -0.1}, {"smoothing_s": float("nan")}])
def test_lock_settings_are_checked(wrong):
    with pytest.raises(RecoverError) as caught:
        FootLockSettings(**wrong)
    assert caught.value.code == ErrorCode.BAD_SETTING
