"""The whole stage on real clips."""

import numpy as np
import pytest
from PIL import Image

from inference_backend.protocol.errors import Cancelled, ErrorCode, RecoverError
from inference_backend.records.context import StageContext
from inference_backend.records.video import Shots
from inference_backend.stages.frames.probe import probe
from inference_backend.stages.people.find_people import find_people
from inference_backend.stages.people.settings import PeopleSettings

# BlazePose's index of each reference joint that both define.
JOINTS = {
    "l_shoulder": 11, "r_shoulder": 12, "l_elbow": 13, "r_elbow": 14, "l_wrist": 15, "r_wrist": 16,
    "l_hip": 23, "r_hip": 24, "l_knee": 25, "r_knee": 26, "l_ankle": 27, "r_ankle": 28,
}  # fmt: skip


def whole(video) -> Shots:
    return Shots(np.zeros(len(video), np.int64), np.zeros(len(video), bool))


def people_in(video, shots=None, **settings):
    return find_people(video, shots or whole(video), PeopleSettings(**settings), StageContext())


def errors(track, reference) -> np.ndarray:
    """Distance from the reference joints that can be seen `[n,12]`, body heights; NaN elsewhere."""
    names = reference["joint_names"].tolist()
    columns = [names.index(name) for name in JOINTS]
    every = np.where(reference["valid"][..., None], reference["joints_2d"], np.nan)
    height = np.nanmedian(np.nanmax(every, 1)[:, 1] - np.nanmin(every, 1)[:, 1])
    visible = (reference["valid"] & reference["visible"])[track.frames][:, columns]
    joints = reference["joints_2d"][track.frames][:, columns]
    apart = np.linalg.norm(track.keypoints[:, list(JOINTS.values())] - joints, axis=-1) / height
    return np.where(visible, apart, np.nan)


def torso_turn(track) -> np.ndarray:
    up = track.keypoints[:, [11, 12]].mean(1) - track.keypoints[:, [23, 24]].mean(1)
    return np.arctan2(up[:, 0], -up[:, 1])


def test_an_occluder_that_passed_leaves_nobody_upside_down(shared):
    clip = shared / "realvideo" / "p2s_c1__bar"
    (track,) = people_in(probe(clip.with_suffix(".mp4")))
    reference = np.load(clip.with_suffix(".npz"), allow_pickle=False)
    assert track.frames.tolist() == list(range(100))
    assert track.seen.mean() > 0.8
    assert np.abs(torso_turn(track)[track.seen]).max() < np.radians(100)
    apart = errors(track, reference)
    assert np.nanmedian(apart) < 0.03
    assert np.nanmedian(apart[-8:]) < 0.03  # where MediaPipe alone is upside down or lost for a quarter of a second


def test_two_people_of_whom_one_stands_before_the_other(shared):
    clip = shared / "realvideo" / "p2s_two_c1"
    video = probe(clip.with_suffix(".mp4"))
    reference = np.load(clip.with_suffix(".npz"), allow_pickle=False)
    tracks = people_in(video)
    assert len(tracks) == 2
    assert [track.person_id for track in tracks] == [0, 1]
    scores = sorted(float(np.nanmedian(errors(track, reference))) for track in tracks)
    assert scores[0] < 0.02
    assert scores[1] > 0.3
    for track in tracks:
        assert track.seen.mean() > 0.95
        inside = np.unpackbits(track.mask[track.seen], axis=2).mean((1, 2))
        assert 0.1 < np.median(inside) < 0.8
    # Neither becomes the other on the way.
    hips = [track.keypoints[:, [23, 24]].mean(1) for track in tracks]
    assert np.nanmin(np.linalg.norm(hips[0] - hips[1], axis=1)) > 100


def test_somebody_enters_and_leaves(shared):
    video = probe(shared / "realvideo" / "nogt_enter_table_leave.mp4")
    (track,) = people_in(video)
    # By eye: a head over the lower border in frame 10, shoulders in 12; gone at the right in 131.
    assert 9 <= track.frames[0] <= 14
    assert 126 <= track.frames[-1] <= 132
    assert track.seen.mean() > 0.95


def test_two_small_people_in_a_wide_picture(shared):
    video = probe(shared / "realvideo" / "nogt_roof_and_tree.mp4", 0.0, 2.0)
    tracks = people_in(video)
    assert len(tracks) == 2
    assert [track.frames[0] < 15 for track in tracks] == [True, True]
    assert [track.frames[-1] for track in tracks] == [59, 59]
    heights = [track.box[-1, 3] - track.box[-1, 1] for track in tracks]
    assert max(heights) < 0.55 * video.size_wh[1]


def test_a_number_of_people_is_kept_to(shared):
    video = probe(shared / "realvideo" / "p2s_two_c1.mp4", 0.0, 0.3)
    assert len(people_in(video, people=1)) == 1


def test_a_large_picture_gives_landmarks_in_its_own_pixels(shared):
    video = probe(shared / "realvideo" / "p2s_c1.mp4", 0.0, 0.1)
    (full,) = people_in(video, people=1)
    (small,) = people_in(video, people=1, working_side=480)
    apart = np.linalg.norm(full.keypoints - small.keypoints, axis=-1)
    assert np.median(apart) < 4.0


def test_nobody_is_followed_across_a_cut(shared):
    video = probe(shared / "realvideo" / "p2s_c1.mp4", 0.0, 0.5)
    count = len(video)
    shots = Shots((np.arange(count) >= 15).astype(np.int64), np.isin(np.arange(count), [13, 14, 15]))
    first, second = people_in(video, shots, people=1)
    assert (first.shot, second.shot) == (0, 1)
    assert first.person_id != second.person_id
    assert first.frames.tolist() == list(range(13))
    assert second.frames.tolist() == list(range(16, count))


def test_one_frame_is_enough(shared):
    video = probe(shared / "realvideo" / "p2s_c3.mp4", 0.0, 0.01)
    (track,) = people_in(video, people=1)
    assert len(track) == 1
    assert track.seen.all()


def test_nobody_in_view_is_said(tmp_path):
    random = np.random.default_rng(0)
    for frame in range(6):
        Image.fromarray(random.integers(0, 255, (180, 320, 3), np.uint8)).save(tmp_path / f"{frame}.png")
    with pytest.raises(RecoverError, match="Nobody was found") as caught:
        people_in(probe(tmp_path))
    assert caught.value.code is ErrorCode.NO_PERSON


def test_a_job_can_be_cancelled_and_reports_progress(shared):
    video = probe(shared / "realvideo" / "p2s_c1.mp4", 0.0, 0.4)
    calls = []

    def progress(fraction: float, frames: int) -> None:
        calls.append((fraction, frames))
        if frames >= 16:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_people(video, whole(video), PeopleSettings(people=1), StageContext(progress=progress))
    assert [frames for _, frames in calls] == [8, 16]
    assert 0 < calls[0][0] < calls[1][0] < 1


def test_an_impossible_number_of_people_is_refused(tmp_path):
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "black.png")
    with pytest.raises(RecoverError) as caught:
        people_in(probe(tmp_path), people=-1)
    assert caught.value.code is ErrorCode.BAD_SETTING
