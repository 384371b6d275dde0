import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from inference_backend.stages.trajectory.fusion import Floor, align, fuse
from inference_backend.stages.trajectory.odometry import odometry
from inference_backend.stages.trajectory.settings import TrajectorySettings
from inference_backend.stages.trajectory.trigger import confidence_of, triggered

T = 300
TIME = np.arange(T) / 30


def slow(rng, count, frames):
    values = gaussian_filter1d(rng.normal(size=count + 400), frames)[200:-200]
    return values / values.std()


def a_walk(seed):
    """A true path, what a camera sees of it, and the viewing rays."""
    rng = np.random.default_rng(seed)
    heading, speed = 0.5 * slow(rng, T, 60) + rng.uniform(0, 6), 0.9 + 0.2 * slow(rng, T, 40)
    path = np.stack([speed * np.sin(heading), np.zeros(T), speed * np.cos(heading)], axis=1).cumsum(0) / 30
    path[:, 1] = 0.9 + 0.03 * np.sin(12 * TIME)
    ray = path - path.mean(0) - np.array([0, 0.6, 8])
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    seen = path + ray * (0.15 * slow(rng, T, 10))[:, None] + 0.01 * rng.normal(size=(T, 3))
    return path, seen, ray, rng


def fused(observed, prior, confidence, ray, sigma=0.1, **more):
    return fuse(
        observed, prior, confidence, np.full(len(observed), sigma), ray, TIME[: len(observed)], 0.3, 1.5, **more
    )


def error(a, b):
    return np.linalg.norm(a - b, axis=1).mean()


def test_trusted_video_and_a_prior_nobody_believes_give_the_observed_path():
    _, seen, ray, rng = a_walk(0)
    prior = seen + rng.normal(size=seen.shape)
    # What counts is how sigma_v compares with the camera's sigmas: here the video wins within 10 microseconds.
    out = fuse(seen, prior, np.ones(T), np.full(T, 1e3), ray, TIME, 1e-5, 1e-5)
    np.testing.assert_allclose(out, seen, atol=1e-4)


def test_an_unseen_person_gets_the_priors_shape():
    path, seen, ray, _ = a_walk(1)
    prior = path + np.array([3.0, 0.0, -2.0])
    out = fused(seen, prior, np.zeros(T), ray)
    np.testing.assert_allclose(np.diff(out, axis=0), np.diff(prior, axis=0), atol=1e-6)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("bad_prior", [False, True])
def test_fusion_is_better_than_either(hidden, bad_prior):
    """Slow depth errors of 15 cm, two seconds out of sight, a prior that is 20 % too fast and turns by 15 degrees."""
    errors = []
    for seed in range(8):
        path, seen, ray, rng = a_walk(seed)
        confidence = np.ones(T)
        if hidden:
            start = int(rng.integers(60, 180))
            confidence[start : start + 60] = 0
            seen[start : start + 60] += 0.3 * ray[start : start + 60]
        step = np.diff(path, axis=0)
        if bad_prior:
            angle = np.deg2rad(15) * np.linspace(0, 1, T - 1)
            c, s = np.cos(angle), np.sin(angle)
            step = np.stack([c * step[:, 0] + s * step[:, 2], step[:, 1], c * step[:, 2] - s * step[:, 0]], 1)
            step *= [1.2, 1.0, 1.2]
        noise = 0.1 / 30 * np.stack([slow(rng, T - 1, 10), np.zeros(T - 1), slow(rng, T - 1, 10)], 1)
        prior = path[0] + np.concatenate([np.zeros((1, 3)), np.cumsum(step + noise, axis=0)])
        aligned = align(prior, seen, confidence)
        out = fused(seen, aligned.path, confidence, ray)
        errors.append([error(p, path) for p in (seen, aligned.path, out)])
        jerk = [np.linalg.norm(np.diff(p, 3, axis=0), axis=1).mean() for p in (seen, out)]
        assert jerk[1] < 0.05 * jerk[0]
    observed, alone, both = np.mean(errors, axis=0)
    assert both < 0.85 * observed
    assert both < 0.85 * alone


def test_screen_motion_follows_within_a_third_of_a_second_and_depth_later():
    """A step of the observed path: half of it is there after about the crossover time."""
    still = np.zeros((T, 3))
    ray = np.tile([0.0, 0.0, 1.0], (T, 1))
    seen = still + (TIME >= 5)[:, None] * [1.0, 0.0, 1.0]
    out = fused(seen, still, np.ones(T), ray)
    for axis, seconds in ((0, 0.3), (2, 1.5)):
        after = out[(TIME >= 5) & (5 + 3 * seconds >= TIME), axis]
        reached = 1 - np.exp(-np.arange(len(after)) / 30 / seconds) / 2
        np.testing.assert_allclose(after, reached, atol=0.05)


def test_alignment_finds_turn_shift_and_scale():
    path, _, _, rng = a_walk(2)
    c, s = np.cos(0.7), np.sin(0.7)
    turned = np.stack([c * path[:, 0] + s * path[:, 2], path[:, 1], c * path[:, 2] - s * path[:, 0]], 1)
    aligned = align(path, turned * [1.1, 1, 1.1] + [4.0, 0, 1.0], rng.uniform(0.2, 1, T))
    assert aligned.yaw == pytest.approx(0.7, abs=1e-9)
    assert aligned.scale == pytest.approx(1.1, abs=1e-9)
    np.testing.assert_allclose(aligned.path, turned * [1.1, 1, 1.1] + [4.0, 0, 1.0], atol=1e-9)


def test_alignment_has_limits():
    path, *_ = a_walk(2)
    assert align(path, path * [3, 1, 3], np.ones(T)).scale == 1.25
    assert align(path, path * [0.5, 1, 0.5], np.ones(T)).scale == 0.8
    # Where nobody goes anywhere, neither scale nor direction is known.
    short = path * [0.02, 1, 0.02]
    assert align(path, short, np.ones(T)).scale == 1.0
    assert align(short, short * [-1, 1, -1], np.ones(T)).yaw == 0.0
    nothing = align(path, path + 5, np.zeros(T))
    np.testing.assert_array_equal(nothing.path, path)


def test_standing_feet_decide_the_height():
    path, seen, ray, _ = a_walk(3)
    stands = (np.arange(T) // 15) % 2 == 0
    high = seen + np.array([0, 0.12, 0])
    out = fused(high, path, np.ones(T), ray, floor=Floor(path[:, 1], stands))
    assert np.abs(out[:, 1] - path[:, 1]).mean() < 0.03
    without = fused(high, path, np.ones(T), ray)
    assert np.abs(without[:, 1] - path[:, 1]).mean() > 0.06


def test_frames_outside_of_the_trigger_stay():
    path, seen, ray, _ = a_walk(4)
    keep = np.abs(TIME - 5) > 2
    out = fused(seen, path, np.where(keep, 1.0, 0.0), ray, keep=keep)
    np.testing.assert_allclose(out[keep], seen[keep], atol=1e-4)
    assert np.abs(np.diff(out - seen, axis=0)).max() < 0.1


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_paths(count):
    nothing = np.zeros((count, 3))
    ray = np.tile([0.0, 0.0, 1.0], (count, 1))
    out = fuse(nothing, nothing, np.ones(count), np.full(count, 0.1), ray, TIME[:count], 0.3, 1.5)
    assert out.shape == (count, 3)
    assert np.isfinite(out).all()
    assert align(nothing, nothing, np.ones(count)).path.shape == (count, 3)
    assert odometry(
        nothing, np.zeros((count, 4, 3)), np.ones((count, 4), bool), np.ones(count), TIME[:count]
    ).shape == (
        count,
        3,
    )


def test_odometry_holds_standing_feet_still():
    """A body that drifts by 0.3 m/s over feet that stand: the prior drops the drift; in the air it keeps the motion."""
    pelvis = np.stack([0.3 * TIME, np.full(T, 0.9), np.zeros(T)], axis=1)
    offset = np.zeros((T, 4, 3))
    contact = np.zeros((T, 4), bool)
    contact[:150] = True
    prior = odometry(pelvis, offset, contact, np.ones(T), TIME)
    assert np.abs(np.diff(prior[:140, 0])).max() * 30 < 0.02
    np.testing.assert_allclose(np.diff(prior[165:, 0]) * 30, 0.3, atol=0.02)


def test_trigger():
    settings = TrajectorySettings(trigger="auto")
    calm = np.zeros(T)
    assert not triggered(np.ones(T), calm, calm, TIME, settings).any()
    assert triggered(np.ones(T), calm, calm, TIME, TrajectorySettings(trigger="always")).all()
    hidden = np.ones(T)
    hidden[100:130] = 0.1
    assert not triggered(hidden, calm, calm, TIME, TrajectorySettings(trigger="never")).any()
    found = triggered(hidden, calm, calm, TIME, settings)
    rows = np.flatnonzero(found)
    assert rows[0] == pytest.approx(70, abs=4)
    assert rows[-1] == pytest.approx(160, abs=4)
    assert (np.diff(rows) == 1).all()
    blink = np.ones(T)
    blink[100:102] = 0
    assert not triggered(blink, calm, calm, TIME, settings).any()
    for slip, depth in ((0.3 * (np.abs(TIME - 5) < 0.5), calm), (calm, 0.2 * (np.abs(TIME - 5) < 0.5))):
        found = triggered(np.ones(T), depth, slip, TIME, settings)
        assert found[150]
        assert not found[0]
    assert triggered(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0), settings).shape == (0,)
    seen = confidence_of(np.array([True, False]), np.ones((2, 22)))
    np.testing.assert_array_equal(seen, [1, 0])
