from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inference_backend.evaluation import metrics
from inference_backend.evaluation.protocols import PROTOCOLS, Pair, evaluate
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.protocol.skeleton import BODY_JOINTS

RNG = np.random.default_rng(3)
SHAPE = RNG.normal(size=(22, 3))


def pair(pred: np.ndarray, ref: np.ndarray, **more) -> Pair:
    return Pair("clip", 30.0, BODY_JOINTS, pred, ref, pred, ref, **more)


def walking(frames: int, speed: float = 1.0) -> np.ndarray:
    """A stiff figure that glides along x at `speed` metres a second."""
    steps = speed / 30 * np.arange(frames)
    return SHAPE + np.stack([steps, 0 * steps, 0 * steps], axis=-1)[:, None]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_perfect_recovery_scores_zero(protocol):
    ref = walking(40)
    scores = evaluate([pair(ref.copy(), ref)], protocol)
    errors = {name: value for name, value in scores.items() if "MPJPE" in name and np.isfinite(value)}
    assert errors
    assert max(errors.values()) < 1e-6


def test_moro_measures_around_the_hips_and_wham_too_but_clips_around_the_pelvis():
    ref = walking(10)
    pred = ref.copy()
    pred[:, 0] += 0.1  # the pelvis only: a tenth of a metre in one of 22 joints
    assert evaluate([pair(pred, ref)], "moro")["MPJPE"] == pytest.approx(np.sqrt(0.03) * 1000 / 22)
    assert evaluate([pair(pred, ref)], "wham")["MPJPE"] == pytest.approx(np.sqrt(0.03) * 1000 / 22)
    assert evaluate([pair(pred, ref)], "clips")["MPJPE"] == pytest.approx(np.sqrt(0.03) * 1000)


def test_global_error_keeps_what_alignment_takes_away():
    ref = walking(10)
    scores = evaluate([pair(ref + np.array([0.3, 0, 0.4]), ref)], "moro")
    assert scores["GMPJPE"] == pytest.approx(500)
    assert scores["MPJPE"] == pytest.approx(0, abs=1e-9)
    assert scores["RTE"] == pytest.approx(0, abs=1e-9)


def test_long_clips_weigh_more_in_moro_and_not_in_clips():
    long, short = walking(30), walking(10)
    pairs = [pair(long + np.array([0.1, 0, 0]), long), pair(short + np.array([0.5, 0, 0]), short)]
    assert evaluate(pairs, "moro")["GMPJPE"] == pytest.approx((30 * 100 + 10 * 500) / 40)
    assert evaluate(pairs, "clips")["Abs-MPJPE"] == pytest.approx(300)


def test_visible_and_occluded_joints_are_pooled_over_joints():
    ref = walking(6)
    visible = np.ones((6, 22), bool)
    visible[0, 20] = visible[:, 21] = False
    pred = ref.copy()
    pred[:, 21, 2] += 0.2
    scores = evaluate([pair(pred, ref, visible=visible)], "moro")
    assert scores["MPJPE-occ"] == pytest.approx(200 * 6 / 7)
    assert scores["MPJPE-vis"] == pytest.approx(0, abs=1e-9)


def test_segments_are_fitted_on_their_own():
    """A path that is 10 % too long: within a segment of 100 frames the error grows, in the next it starts anew."""
    ref, pred = walking(200), walking(200, 1.1)
    mask = np.ones((200, 22), bool)
    errors = metrics.segment_errors(pred, ref, mask, fit_frames=2, scale=False)
    # The fit over two frames splits the 0.1 / 30 m by which they differ; 99 frames on, 0.1 m/s have added up.
    assert errors[99].mean() == pytest.approx(0.1 / 30 * 98.5, rel=2e-3)
    np.testing.assert_allclose(errors[:100], errors[100:], atol=1e-9)
    both = evaluate([pair(pred, ref)], "wham")
    # All frames fitted: the error is that of a line around its middle, a quarter of its length.
    assert both["WA-MPJPE-rigid"] == pytest.approx(0.1 / 30 * 25 * 1000, rel=1e-3)
    assert both["W-MPJPE-rigid"] == pytest.approx(errors.mean() * 1000)


def test_scale_is_taken_away_only_where_the_papers_do():
    ref = walking(50)
    scores = evaluate([pair(1.2 * ref, ref)], "wham")
    assert scores["W-MPJPE"] == pytest.approx(0, abs=1e-6)
    assert scores["WA-MPJPE"] == pytest.approx(0, abs=1e-6)
    assert scores["WA-MPJPE-rigid"] > 50
    assert scores["W-MPJPE-rigid"] > 50


def test_world_axes_do_not_matter_to_world_measures():
    ref = walking(120)
    turned = ref @ Rotation.from_rotvec([0.1, 1.3, -0.2]).as_matrix().T + [5, 1, -3]
    scored = Pair("clip", 30.0, BODY_JOINTS, ref, ref, turned, ref)
    scores = evaluate([scored], "wham")
    assert scores["W-MPJPE-rigid"] == pytest.approx(0, abs=1e-6)
    assert scores["RTE"] == pytest.approx(0, abs=1e-6)


def test_rte_is_per_cent_of_the_way():
    ref = walking(31)  # one metre
    pred = ref.copy()
    pred[::2, :, 1] += 0.01
    pred[1::2, :, 1] -= 0.01
    assert evaluate([pair(pred, ref)], "moro")["RTE"] == pytest.approx(1.0, abs=0.02)


def test_acceleration_and_jitter_have_their_units():
    t = np.arange(30) / 30
    ref = np.tile(SHAPE, (30, 1, 1))
    pred = ref.copy()
    pred[..., 0] += (t**3)[:, None]  # third derivative 6 m/s^3, second derivative 6 t
    scores = evaluate([pair(pred, ref)], "moro")
    assert scores["Jitter"] == pytest.approx(0.6)
    assert scores["G-Accel"] == pytest.approx(6 * t[1:-1].mean())
    assert scores["Accel"] == pytest.approx(0, abs=1e-9)


def test_sliding_counts_frames_in_which_the_reference_stands():
    feet = np.zeros((5, 1, 3))
    feet[3:, 0, 0] = 1.0  # one step of a metre
    moved = np.zeros((5, 1, 3))
    moved[:, 0, 2] = 0.004 * np.arange(5)
    ref = walking(5)
    assert evaluate([pair(ref, ref, pred_feet=moved, ref_feet=feet)], "moro")["Sliding"] == pytest.approx(4.0)


def test_meshes_are_scored_around_the_hips():
    ref = walking(4)
    vertices = RNG.normal(size=(4, 30, 3))
    shifted = pair(ref + 1, ref, pred_vertices=vertices + 1.25, ref_vertices=vertices)
    assert evaluate([shifted], "moro")["PVE"] == pytest.approx(250 * np.sqrt(3))


def test_frames_without_a_person_are_left_out():
    ref = walking(20)
    pred = ref + np.array([0.1, 0, 0])
    pred[5:9] = np.nan
    for protocol, name in (("moro", "GMPJPE"), ("wham", "MPJPE"), ("clips", "Abs-MPJPE")):
        value = evaluate([pair(pred, ref)], protocol)[name]
        assert value == pytest.approx(0 if protocol == "wham" else 100, abs=1e-9)
    assert evaluate([pair(pred, ref)], "clips")["coverage"] == pytest.approx(80)
    nothing = replace(pair(pred, ref), pred_camera=np.full_like(ref, np.nan), pred_world=np.full_like(ref, np.nan))
    assert np.isnan(evaluate([nothing], "moro")["MPJPE"])


def test_an_unknown_protocol_and_an_empty_set_are_told():
    with pytest.raises(RecoverError) as told:
        evaluate([pair(walking(3), walking(3))], "mine")
    assert told.value.code == ErrorCode.BAD_SETTING
    with pytest.raises(RecoverError):
        evaluate([], "moro")
