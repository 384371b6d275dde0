import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inference_backend.evaluation import metrics

RNG = np.random.default_rng(0)
REF = RNG.normal(size=(12, 10, 3))
MASK = np.ones((12, 10), bool)
TURN = Rotation.from_rotvec([0.3, -0.8, 0.5]).as_matrix()


def test_align_finds_the_similarity():
    fit = metrics.align(REF[0], 1.7 * REF[0] @ TURN.T + [1, 2, 3], scale=True)
    assert fit.scale == pytest.approx(1.7)
    assert np.allclose(fit.R, TURN)
    assert np.allclose(fit(REF[0]), 1.7 * REF[0] @ TURN.T + [1, 2, 3])


def test_align_never_mirrors():
    fit = metrics.align(REF[0], REF[0] * [-1, 1, 1], scale=True)
    assert np.linalg.det(fit.R) == pytest.approx(1.0)


def test_mpjpe_counts_what_the_roots_do_not_explain():
    pred = REF + np.array([1.0, 0, 0])
    pred[:, 3] += [0.0, 0.03, 0.04]
    assert metrics.mpjpe(pred, REF, MASK, pred[:, 0], REF[:, 0]) == pytest.approx(5.0)  # 50 mm over 10 joints
    assert metrics.gmpjpe(REF + np.array([0, 0, 0.2]), REF, MASK) == pytest.approx(200.0)


def test_pa_mpjpe_ignores_similarities_of_each_frame():
    pred = np.stack([(0.5 + 0.1 * t) * REF[t] @ TURN.T + t for t in range(len(REF))])
    assert metrics.pa_mpjpe(pred, REF, MASK) == pytest.approx(0.0, abs=1e-9)
    pred[:, 0] += 0.5
    assert metrics.pa_mpjpe(pred, REF, MASK) > 10


def test_masked_joints_do_not_count():
    pred, mask = REF.copy(), MASK.copy()
    pred[:, 4] = np.nan
    mask[:, 4] = False
    assert metrics.pa_mpjpe(pred, REF, mask) == pytest.approx(0.0, abs=1e-9)
    assert metrics.gmpjpe(pred, REF, mask) == pytest.approx(0.0)


def test_pve_is_mpjpe_of_vertices():
    assert metrics.pve(REF + 0.1, REF, REF[:, 0], REF[:, 0]) == pytest.approx(100 * np.sqrt(3))


def test_w_mpjpe_shows_drift_and_wa_mpjpe_spreads_it():
    drift = np.zeros_like(REF)
    drift[..., 0] = 0.01 * np.arange(12)[:, None]
    w, wa = metrics.w_mpjpe(REF + drift, REF, MASK), metrics.wa_mpjpe(REF + drift, REF, MASK)
    assert w == pytest.approx(10 * np.arange(12).mean())
    assert wa < 0.7 * w
    turned = REF @ TURN.T + 5
    assert metrics.w_mpjpe(turned, REF, MASK) == pytest.approx(0, abs=1e-9)
    assert metrics.wa_mpjpe(turned, REF, MASK) == pytest.approx(0, abs=1e-9)


def test_rte_of_a_straight_path_that_is_ten_per_cent_too_long():
    path = np.stack([np.linspace(0, 1, 11), np.zeros(11), np.zeros(11)], axis=-1)
    # After the fit the centres agree, so the error is 0.1 * |x - 0.5|, whose mean over the samples is 3/110 m.
    assert metrics.rte_mm(1.1 * path @ TURN.T, path) == pytest.approx(1000 * 3 / 110)
    assert metrics.path_length(path) == pytest.approx(1.0)


def test_accelerations_of_a_parabola():
    t = np.arange(9) / 30
    parabola = np.zeros((9, 2, 3))
    parabola[..., 1] = 0.5 * 4.0 * t[:, None] ** 2
    mask, root = np.ones((9, 2), bool), np.zeros((9, 3))
    still = np.zeros_like(parabola)
    assert metrics.accel(parabola, still, mask, mask, 30, root, root) == pytest.approx(4.0)
    assert metrics.accel(parabola, still, mask, mask, 30, parabola[:, 0], root) == pytest.approx(0.0, abs=1e-9)
    assert metrics.g_accel(parabola, still, mask, mask, 30) == pytest.approx(4.0)
    assert metrics.jitter(parabola, mask, 30) == pytest.approx(0.0, abs=1e-9)


def test_jitter_of_a_cubic():
    t = np.arange(9) / 60
    cubic = np.zeros((9, 1, 3))
    cubic[..., 0] = t[:, None] ** 3  # third derivative 6 m/s^3
    assert metrics.jitter(cubic, np.ones((9, 1), bool), 60) == pytest.approx(0.6)


def test_a_hole_breaks_differences_only_near_it():
    points, mask = np.zeros((9, 1, 3)), np.ones((9, 1), bool)
    points[4], mask[4] = 100.0, False
    assert metrics.jitter(points, mask, 30) == pytest.approx(0.0)


def test_foot_sliding_counts_standing_steps_only():
    reference = np.zeros((5, 3))
    reference[3:, 0] = 1.0  # one fast step between frames 2 and 3
    stand = metrics.standing(reference, reference[:, 1], 60)
    assert stand.tolist() == [True, True, False, True]
    pred = np.zeros((5, 3))
    pred[:, 0] = 0.002 * np.arange(5)
    assert metrics.foot_sliding([pred], [stand], 60) == pytest.approx(4.0)  # 2 mm per 1/60 s


def test_nothing_to_score_is_nan():
    none = np.zeros_like(MASK)
    assert np.isnan(metrics.pa_mpjpe(REF, REF, none))
    assert np.isnan(metrics.w_mpjpe(REF, REF, none))
    assert np.isnan(metrics.rte_mm(np.full((4, 3), np.nan), np.zeros((4, 3))))
