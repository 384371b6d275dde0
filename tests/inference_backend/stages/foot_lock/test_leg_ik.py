import numpy as np
from scipy.spatial.transform import Rotation

from inference_backend.stages.foot_lock.leg_ik import Leg, reach, solve, turn_between

THIGH, SHIN = 0.42, 0.40


def bent_legs(count, rng, fold=(0.2, 1.8)):
    """Random legs whose knees bend in random planes."""
    knee_angle = rng.uniform(*fold, count)
    frame = Rotation.random(count, rng=rng)
    thigh = frame.as_matrix()
    shin = (frame * Rotation.from_rotvec(knee_angle[:, None] * [1, 0, 0])).as_matrix()
    hip = rng.normal(size=(count, 3))
    knee = hip + thigh @ [0, -THIGH, 0]
    return Leg(hip, knee, knee + shin @ [0, -SHIN, 0], thigh, shin)


def normal(leg):
    n = np.cross(leg.knee - leg.hip, leg.ankle - leg.knee)
    return n / np.linalg.norm(n, axis=1, keepdims=True)


def test_turn_between_is_smallest_and_takes_opposites():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    b[0], b[1] = -a[0], 2 * a[1]
    turn = turn_between(a, b)
    unit = lambda v: v / np.linalg.norm(v, axis=1, keepdims=True)  # noqa: E731
    np.testing.assert_allclose(np.einsum("mij,mj->mi", turn, unit(a)), unit(b), atol=1e-9)
    angle = np.arccos(np.clip((unit(a) * unit(b)).sum(1), -1, 1))
    np.testing.assert_allclose(Rotation.from_matrix(turn).magnitude(), angle, atol=1e-6)


def test_reachable_targets_are_met_exactly():
    rng = np.random.default_rng(1)
    leg = bent_legs(200, rng)
    hip = leg.hip + rng.normal(0, 0.1, (200, 3))
    direction = rng.normal(size=(200, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    ankle = hip + direction * rng.uniform(0.3, 0.8, (200, 1))
    out = solve(leg, hip, ankle)
    np.testing.assert_allclose(out.ankle, ankle, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(out.knee - hip, axis=1), THIGH, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(out.ankle - out.knee, axis=1), SHIN, atol=1e-9)
    # Rotations and positions tell the same story.
    np.testing.assert_allclose(hip + out.thigh @ [0, -THIGH, 0], out.knee, atol=1e-9)
    np.testing.assert_allclose(out.knee + out.shin @ [0, -SHIN, 0], out.ankle, atol=1e-9)


def test_the_knee_stays_in_its_plane():
    rng = np.random.default_rng(2)
    leg = bent_legs(100, rng, (0.4, 1.6))
    line = leg.ankle - leg.hip
    out = solve(leg, leg.hip, leg.hip + line * rng.uniform(0.75, 1.0, (100, 1)))
    np.testing.assert_allclose((normal(leg) * normal(out)).sum(1), 1, atol=1e-9)
    # The knee stays a hinge: thigh and shin turn about the plane's normal only.
    for before, after in ((leg.thigh, out.thigh), (leg.shin, out.shin)):
        axis = Rotation.from_matrix(after @ before.transpose(0, 2, 1)).as_rotvec()
        np.testing.assert_allclose(np.cross(axis, normal(leg)), 0, atol=1e-9)


def test_no_change_asked_no_change_made():
    leg = bent_legs(50, np.random.default_rng(3), (0.0, 1.6))
    out = solve(leg, leg.hip, leg.ankle)
    np.testing.assert_allclose(out.thigh, leg.thigh, atol=1e-6)
    np.testing.assert_allclose(out.shin, leg.shin, atol=1e-6)


def test_a_straight_leg_bends_forward():
    frame = np.eye(3)[None]
    hip = np.zeros((1, 3))
    knee = np.array([[0, -THIGH, 0]])
    leg = Leg(hip, knee, knee + np.array([0, -SHIN, 0]), frame, frame)
    out = solve(leg, hip, np.array([[0, -0.7, 0.0]]))
    assert out.knee[0, 2] > 0.1
    assert abs(out.knee[0, 0]) < 1e-9


def test_knees_do_not_pop_at_full_extension():
    """A target that moves away at constant speed straightens the leg ever more slowly and never beyond its length."""
    frame = np.eye(3)[None]
    shin = Rotation.from_euler("x", 60, degrees=True).as_matrix()[None]
    hip = np.zeros((1, 3))
    knee = hip + np.array([0, -THIGH, 0])
    leg = Leg(hip, knee, knee + shin[0] @ [0, -SHIN, 0], frame, shin)
    distances = np.linspace(0.75, 0.9, 300)
    lengths = [np.linalg.norm(solve(leg, hip, np.array([[0, -d, 0.0]])).ankle) for d in distances]
    lengths = np.array(lengths)
    assert (lengths < THIGH + SHIN).all()
    assert (np.diff(lengths) >= -1e-12).all()
    knees = np.pi - np.arccos(np.clip((THIGH**2 + SHIN**2 - lengths**2) / (2 * THIGH * SHIN), -1, 1))
    hard = np.minimum(distances, THIGH + SHIN)
    popping = np.pi - np.arccos(np.clip((THIGH**2 + SHIN**2 - hard**2) / (2 * THIGH * SHIN), -1, 1))
    assert np.abs(np.diff(knees)).max() < 0.6 * np.abs(np.diff(popping)).max()


def test_reach_is_exact_inside_and_limited_outside():
    now = np.array([0.5, 0.5, 0.8199, 0.5])
    wanted = np.array([0.6, 1.5, 0.8199, 0.01])
    got = reach(wanted, now, np.full(4, THIGH), np.full(4, SHIN))
    assert got[0] == 0.6
    assert 0.81 < got[1] < 0.82
    assert abs(got[2] - 0.8199) < 1e-9
    assert got[3] > 0.1
