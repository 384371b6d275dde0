import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inference_backend.geometry.clock import clock_times, cubic, cubic_rotations, nearest_index, sample_seen, slerp

RATES = {
    "23.976": np.arange(60) / 23.976,
    "25": np.arange(60) / 25,
    "29.97": np.arange(60) / 29.97 + 3.2,
    "60": np.arange(120) / 60,
    "variable": np.cumsum(np.random.default_rng(0).uniform(0.015, 0.06, 70)),
}


def there_and_back(time_s: np.ndarray, values: np.ndarray) -> np.ndarray:
    clock = clock_times(time_s)
    _, (resampled,) = sample_seen(time_s, np.ones(len(time_s), bool), clock, values)
    filled = np.isfinite(resampled[:, 0])
    return cubic(clock[filled], resampled[filled], time_s[time_s <= clock[filled][-1]])


@pytest.mark.parametrize("rate", RATES)
def test_a_smooth_path_survives_the_round_trip(rate: str):
    time_s = RATES[rate]
    path = np.stack([np.sin(2 * np.pi * 0.8 * time_s), 0.4 * time_s], axis=-1)
    back = there_and_back(time_s, path)
    assert len(back) >= len(path) - 1
    assert np.abs(back - path[: len(back)]).max() < 0.012


@pytest.mark.parametrize("rate", RATES)
def test_the_clock_covers_the_clip_and_ticks_evenly(rate: str):
    time_s = RATES[rate]
    clock = clock_times(time_s)
    assert clock[0] == time_s[0]
    assert clock[-1] > time_s[-1] - 0.1 / 30 - 1e-9
    assert clock[-1] < time_s[-1] + 1 / 30
    assert np.allclose(np.diff(clock), 1 / 30)


def test_a_source_at_30_fps_is_taken_as_it_is():
    time_s = np.arange(10) / 30
    values = np.random.default_rng(1).normal(size=(10, 3))
    seen, (resampled,) = sample_seen(time_s, np.ones(10, bool), clock_times(time_s), values)
    assert len(resampled) == 10
    assert seen.all()
    assert np.abs(resampled - values).max() < 1e-6


def test_evidence_is_not_invented_across_a_gap():
    time_s = np.arange(30) / 30
    seen = np.ones(30, bool)
    seen[10:20] = False
    values = np.where(seen, 1.0, np.nan)[:, None]
    ok, (resampled,) = sample_seen(time_s, seen, clock_times(time_s), values)
    assert np.array_equal(ok, seen)
    assert np.isnan(resampled[10:20]).all()
    assert np.isfinite(resampled[ok]).all()


def test_nothing_seen_gives_nothing():
    ok, (resampled,) = sample_seen(np.arange(3) / 30, np.zeros(3, bool), np.arange(3) / 30, np.full((3, 2), np.nan))
    assert not ok.any()
    assert resampled.shape == (3, 2)


def test_one_frame():
    assert np.array_equal(clock_times(np.array([2.5])), [2.5])
    assert np.array_equal(cubic(np.array([2.5]), np.ones((1, 4)), np.array([2.5])), np.ones((1, 4)))
    for turn in (slerp, cubic_rotations):
        assert turn(np.array([0.0]), np.eye(3)[None], np.array([0.0, 1.0])).shape == (2, 3, 3)


def test_slerp_turns_at_constant_speed_and_holds_beyond_the_ends():
    ends = Rotation.from_rotvec([[0, 0, 0], [0, 0, 1.2]]).as_matrix()
    got = Rotation.from_matrix(slerp(np.array([0.0, 1.0]), ends, np.array([-1.0, 0.25, 0.5, 2.0]))).as_rotvec()
    assert np.allclose(got[:, 2], [0, 0.3, 0.6, 1.2])


def test_rotations_are_read_between_ticks_without_kinks():
    def swing(time_s: np.ndarray) -> np.ndarray:
        # One joint swings, the other turns round and round, past the quaternions' change of sign.
        first = np.stack([np.sin(9 * time_s), 0.3 * np.cos(7 * time_s), 0 * time_s], axis=1)
        second = np.stack([0 * time_s, 8 * time_s, 0 * time_s], axis=1)
        return np.stack([Rotation.from_rotvec(x).as_matrix() for x in (first, second)], axis=1)

    clock, between = np.arange(61) / 30, np.arange(20, 220) / 120
    got = cubic_rotations(clock, swing(clock), between)
    assert np.abs(got @ got.swapaxes(-1, -2) - np.eye(3)).max() < 1e-12
    assert np.abs(got - swing(between)).max() < 1e-3
    straight = slerp(clock, swing(clock), between)
    kinks = [np.abs(np.diff(x - swing(between), n=3, axis=0)).mean() for x in (got, straight)]
    assert kinks[0] < 0.05 * kinks[1]


@pytest.mark.parametrize("rate", RATES)
def test_nearest_of_long_clips_needs_no_table(rate: str):
    time_s = RATES[rate]
    wanted = np.linspace(time_s[0] - 0.1, time_s[-1] + 0.1, 50)
    plain = np.abs(time_s[None] - wanted[:, None]).argmin(axis=1)
    assert nearest_index(time_s, wanted).tolist() == plain.tolist()
    assert nearest_index(time_s[:1], wanted).tolist() == [0] * 50
    long = np.arange(200_000) / 30
    assert (nearest_index(long, long) == np.arange(200_000)).all()
