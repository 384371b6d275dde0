import numpy as np
import pytest

from inference_backend.geometry.banded import BandedLeastSquares, curvature, frame_seconds, smooth


def test_solver_agrees_with_dense_least_squares():
    rng = np.random.default_rng(0)
    count, size = 7, 3
    solver = BandedLeastSquares(count, size)
    normal, right = np.zeros((21, 21)), np.zeros(21)
    for width in (1, 2, 3):
        runs = count - width + 1
        coefficients = rng.normal(size=(runs, width))
        roots = rng.normal(size=(runs, size, size))
        precision, target = roots @ roots.transpose(0, 2, 1), rng.normal(size=(runs, size))
        solver.add(coefficients, precision, target)
        for i in range(runs):
            A = np.zeros((size, 21))
            for a in range(width):
                A[:, (i + a) * size : (i + a + 1) * size] = coefficients[i, a] * np.eye(size)
            normal += A.T @ precision[i] @ A
            right += A.T @ precision[i] @ target[i]
    np.testing.assert_allclose(solver.solve().ravel(), np.linalg.solve(normal, right), rtol=1e-8)


@pytest.mark.parametrize("count", [1, 2])
def test_solver_takes_short_clips(count):
    solver = BandedLeastSquares(count, 3)
    solver.add(np.ones((count, 1)), np.tile(np.eye(3), (count, 1, 1)), np.full((count, 3), 2.0))
    np.testing.assert_allclose(solver.solve(), 2.0)


def uneven(count=600):
    rng = np.random.default_rng(1)
    return np.cumsum(rng.uniform(0.5, 1.5, count)) / 60


def test_smoothing_halves_its_period_at_any_rate():
    for time in (np.arange(600) / 60, uneven(), np.arange(240) / 24):
        wave = np.sin(2 * np.pi * time / 0.5)
        smoothed = smooth(time, wave, 0.5)
        inner = slice(len(time) // 4, -len(time) // 4)
        gain = (smoothed[inner] @ wave[inner]) / (wave[inner] @ wave[inner])
        assert gain == pytest.approx(0.5, abs=0.04)


def test_smoothing_keeps_straight_motion_and_bridges_gaps():
    time = uneven(100)
    line = np.stack([3 * time - 1, -time], axis=1)
    np.testing.assert_allclose(smooth(time, line, 2.0), line, atol=1e-5)
    weight = np.ones(100)
    weight[30:60] = 0
    broken = line.copy()
    broken[30:60] += 5
    np.testing.assert_allclose(smooth(time, broken, 0.5, weight), line, atol=1e-2)


def test_no_smoothing_returns_a_copy():
    values = np.arange(5.0)
    out = smooth(np.arange(5.0), values, 0.0)
    out[0] = 9
    assert values[0] == 0


def test_curvature_of_a_parabola_on_uneven_times():
    time = uneven(50)
    coefficients, span = curvature(time)
    windows = np.lib.stride_tricks.sliding_window_view(time**2, 3)
    np.testing.assert_allclose((coefficients * windows).sum(1), 2.0, rtol=1e-6)
    assert span.sum() == pytest.approx(time[-1] - time[0], rel=0.05)


def test_frames_stand_for_the_whole_clip():
    time = np.array([0.0, 0.1, 0.4])
    np.testing.assert_allclose(frame_seconds(time), [0.1, 0.2, 0.3])
    np.testing.assert_allclose(frame_seconds(time[:1]), [1 / 30])
