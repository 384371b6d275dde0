import numpy as np
import pytest
from recover_motion.addon.core.timing import as_shown, movie_frames, real_time

FRAMES = np.arange(100, 160)  # file frames of a clip that was trimmed


@pytest.mark.parametrize("scene_fps", [24.0, 30.0])
@pytest.mark.parametrize("clip_fps", [24000 / 1001, 25.0, 30000 / 1001, 60.0])
def test_real_time_puts_first_middle_and_last_frame_at_their_second(clip_fps, scene_fps):
    time = 4.0 + np.arange(120) / clip_fps
    times = real_time(time, scene_fps, 11.0)
    for frame in (0, 60, 119):
        assert (times.scene_frame[frame] - 11.0) / scene_fps == pytest.approx(frame / clip_fps)
        assert times.clip_frame[frame] == frame


def test_real_time_follows_a_variable_rate():
    time = np.cumsum([0.5, 0.04, 0.02, 0.1, 0.033])
    np.testing.assert_allclose(real_time(time, 24.0, 1.0).scene_frame, 1 + 24 * (time - 0.5))


def test_a_plain_strip_gets_a_key_on_every_frame():
    times = as_shown(FRAMES, 37, FRAMES)
    np.testing.assert_array_equal(times.scene_frame, np.arange(37, 97))
    np.testing.assert_array_equal(times.clip_frame, np.arange(60))
    assert not times.held.any()


@pytest.mark.parametrize(("clip_fps", "scene_fps"), [(60, 24), (60, 30), (25, 30), (23.976, 30), (25, 24), (29.97, 24)])
def test_a_strip_that_plays_at_its_own_speed(clip_fps, scene_fps):
    scene_frames = np.arange(int(60 * scene_fps / clip_fps))
    shown = 100 + np.floor(scene_frames * clip_fps / scene_fps + 1e-9).astype(int)
    times = as_shown(shown, 5, FRAMES)
    assert (np.diff(times.scene_frame) > 0).all()
    assert not times.held.any()
    at = {frame: clip for frame, clip in zip(times.scene_frame, times.clip_frame, strict=True) if frame % 1 == 0}
    first_showing = np.flatnonzero(np.diff(shown, prepend=0))
    for s in (first_showing[0], first_showing[len(first_showing) // 2], first_showing[-1]):
        assert at[5 + s] == shown[s] - 100
    assert (np.diff(times.clip_frame) == 1).all()  # no frame of the motion is lost


def test_reversed_and_trimmed_inside_the_clip():
    shown = np.arange(140, 119, -1)
    times = as_shown(shown, 1, FRAMES)
    np.testing.assert_array_equal(times.clip_frame, np.arange(40, 19, -1))
    np.testing.assert_array_equal(times.scene_frame, np.arange(1, 22))


def test_frames_that_were_not_recovered_have_no_keys():
    times = as_shown(np.arange(90, 130), 1, FRAMES)
    np.testing.assert_array_equal(times.scene_frame, np.arange(11, 41))


def test_a_freeze_frame_is_held_from_its_first_to_its_last_scene_frame():
    shown = np.concatenate([np.arange(100, 110), np.full(20, 110), np.arange(111, 120)])
    times = as_shown(shown, 1, FRAMES)
    at = dict(zip(times.scene_frame, zip(times.clip_frame, times.held, strict=True), strict=True))
    assert at[11] == (10, True)
    assert at[30] == (10, False)
    assert 20 not in at


def test_slow_motion_is_not_mistaken_for_freezes():
    times = as_shown(np.repeat(np.arange(100, 120), 4), 1, FRAMES)
    np.testing.assert_array_equal(times.scene_frame, 1 + 4 * np.arange(20))
    assert not times.held.any()


def test_a_jump_of_the_strip_is_not_played_through():
    frames = np.arange(0, 400)
    times = as_shown(np.concatenate([np.arange(0, 20), np.arange(300, 320)]), 1, frames)
    assert len(times) == 40
    np.testing.assert_array_equal(np.flatnonzero(times.held), [19])


def test_nothing_in_common_gives_no_keys():
    assert len(as_shown(np.arange(5), 1, FRAMES)) == 0
    assert len(as_shown(np.zeros(0, dtype=int), 1, FRAMES)) == 0


def test_dropped_keys_leave_the_pose_held():
    times = as_shown(FRAMES, 1, FRAMES)
    keep = np.ones(60, dtype=bool)
    keep[20:30] = False
    left = times.select(keep)
    np.testing.assert_array_equal(np.flatnonzero(left.held), [19])
    assert left.scene_frame[20] == 31


@pytest.mark.parametrize("clip_fps", [24000 / 1001, 25.0, 60.0])
@pytest.mark.parametrize("scene_fps", [24.0, 30.0])
def test_background_strays_by_no_more_than_half_a_video_frame(clip_fps, scene_fps):
    index = np.arange(40, 160)
    time = index / clip_fps
    times = real_time(time, scene_fps, 1.0)
    scene_frames = np.arange(1, int(times.scene_frame[-1]) + 1)
    shown = movie_frames(times, time, clip_fps, scene_frames)
    exact = (scene_frames - 1) / scene_fps * clip_fps + 41
    assert np.abs(shown - exact).max() <= 0.5 + 1e-6
    assert shown[0] == 41


def test_background_of_a_variable_rate_counts_at_the_nominal_rate():
    time = np.array([0.0, 0.04, 0.10, 0.12, 0.2])
    times = real_time(time, 25.0, 1.0)
    # at 25 fps Blender shows at frame n, from 1, the last picture that began by (n - 1) / 25 s
    shown = movie_frames(times, time, 25.0, np.array([1, 2, 4, 6]))
    assert [time[time <= (n - 1) / 25.0 + 1e-9][-1] for n in shown] == [0.0, 0.04, 0.12, 0.2]
