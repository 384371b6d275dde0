import numpy as np
from recover_motion.addon.core.keys import confidence_curves, person_curves
from recover_motion.addon.core.limbs import LIMBS, spans
from recover_motion.addon.core.pose import PersonMotion
from recover_motion.addon.core.rest_bones import rest_bones
from recover_motion.addon.core.timing import as_shown, real_time

from tests.addon.synthetic_result import random_motion


def curves_of(plain_body, motion, valid, times, time):
    vertices, joints = plain_body.shaped(np.zeros(10))
    rest = rest_bones(joints, vertices[:, 1].min())
    curves = person_curves(PersonMotion(**motion), valid, rest, joints[0], time, times)
    return {(c.data_path, c.index): c for c in curves}


def test_quaternion_keys_keep_their_sign(plain_body, rng):
    time = np.arange(300) / 30
    motion = random_motion(rng, 300, turns=4, bend=1.4)
    curves = curves_of(plain_body, motion, np.ones(300, dtype=bool), real_time(time, 30, 1), time)
    paths = {path for path, _ in curves if path.endswith("rotation_quaternion")}
    assert len(paths) == 55
    moving = 0
    for path in paths:
        q = np.stack([curves[path, i].values for i in range(4)], axis=-1)
        np.testing.assert_allclose(np.linalg.norm(q, axis=-1), 1, atol=1e-9)
        assert (np.sum(q[1:] * q[:-1], axis=-1) > 0.5).all()
        moving += len(q) > 1
    assert moving == 22  # what stands still has a single key


def test_heading_stays_unwrapped_in_a_reversed_strip(plain_body, rng):
    frames = np.arange(200)
    motion = random_motion(rng, 200, turns=3)
    times = as_shown(frames[::-1], 1, frames)
    curves = curves_of(plain_body, motion, np.ones(200, dtype=bool), times, frames / 30)
    heading = curves['pose.bones["root"].rotation_euler', 2].values
    assert np.abs(np.diff(heading)).max() < 0.4
    assert heading[0] - heading[-1] > 5 * np.pi


def test_gaps_and_broken_numbers_have_no_keys_and_are_held(plain_body, rng):
    motion = random_motion(rng, 60)
    valid = np.ones(60, dtype=bool)
    valid[20:31] = False
    motion["transl"][:5] = np.nan
    time = np.arange(60) / 30
    curves = curves_of(plain_body, motion, valid, real_time(time, 30, 1), time)
    key = curves['pose.bones["root"].location', 0]
    np.testing.assert_array_equal(key.frames, 1 + np.r_[5:20, 31:60])
    np.testing.assert_array_equal(key.frames[key.held], [20])
    assert all(np.isfinite(c.values).all() for c in curves.values())


def test_nobody_gives_no_curves(plain_body, rng):
    time = np.arange(10) / 30
    assert not curves_of(plain_body, random_motion(rng, 10), np.zeros(10, dtype=bool), real_time(time, 30, 1), time)


def test_confidence_has_a_curve_for_each_limb():
    confidence = np.ones((10, 22))
    confidence[3:6, list(LIMBS["left_leg"])] = 0.2
    valid = np.ones(10, dtype=bool)
    valid[8:] = False
    time = np.arange(10) / 30
    curves = {c.data_path: c for c in confidence_curves(confidence, valid, real_time(time, 30, 1))}
    assert set(curves) == {f'["confidence_{limb}"]' for limb in LIMBS}
    np.testing.assert_allclose(curves['["confidence_left_leg"]'].values, [1, 1, 1, 0.2, 0.2, 0.2, 1, 1, 0, 0])
    np.testing.assert_allclose(curves['["confidence_right_leg"]'].values[:8], 1)


def test_spans():
    assert spans([True, False, True, True]) == [(0, 1), (2, 4)]
    assert spans([]) == []
