from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from inference_backend.stages.people.false_tracks import is_false_track
from inference_backend.stages.people.person_tracker import Detection
from inference_backend.stages.people.pose_gate import Rejection, rejection_of
from inference_backend.stages.people.search import _distinct, _views, match
from inference_backend.stages.people.tracks import make_track

FRAME_S = 1 / 30


def verdict(pose, last, elapsed=FRAME_S):
    return rejection_of(pose, last, last.centre, elapsed)


def test_a_person_who_goes_on_is_accepted(figures):
    assert verdict(figures.pose(x=310, stride=0.3), figures.pose()) is None


def test_somebody_else_is_refused(figures):
    assert verdict(figures.pose(x=500), figures.pose()) is Rejection.ELSEWHERE
    assert verdict(figures.pose(height=220, foot=400), figures.pose()) is Rejection.SIZE
    assert verdict(None, figures.pose()) is Rejection.NOTHING


def test_upside_down_at_once_is_refused_and_back_up_is_welcome(figures):
    assert verdict(figures.pose(roll=np.pi), figures.pose()) is Rejection.UPSIDE_DOWN
    assert verdict(figures.pose(), figures.pose(roll=np.pi)) is None


@pytest.mark.parametrize("fps", [12, 30, 60])
def test_a_somersault_is_followed_all_the_way(figures, fps):
    rolls = np.arange(0, 2 * np.pi, np.radians(500) / fps)
    poses = [figures.pose(roll=roll) for roll in rolls]
    assert {verdict(pose, last, 1 / fps) for last, pose in pairwise(poses)} == {None}


def test_a_handstand_stays_one(figures):
    assert verdict(figures.pose(roll=3.0), figures.pose(roll=-3.0)) is None


def test_the_limits_widen_with_time_but_not_for_ever(figures):
    there = figures.pose(x=560)
    assert verdict(there, figures.pose()) is Rejection.ELSEWHERE
    assert verdict(there, figures.pose(), 0.25) is None
    assert verdict(figures.pose(x=900), figures.pose(), 10.0) is Rejection.ELSEWHERE


def person(pose, lost_s=0.0, velocity=(0.0, 0.0)):
    """Somebody who is followed, as far as matching looks at them."""
    shift = np.float32(velocity) * min(lost_s, 0.25)
    return SimpleNamespace(
        last=pose,
        current=None if lost_s else pose,
        lost=lost_s > 0,
        elapsed=lambda _: lost_s,
        expected_shift=lambda _: shift,
    )


def test_two_people_who_were_lost_get_themselves_back(figures):
    left, right = figures.pose(x=150), figures.pose(x=420)
    people = [person(left, 0.5), person(right, 0.5)]
    found = [figures.pose(x=400), figures.pose(x=170)]
    assert match(people, found, 1.0) == ({0: 1, 1: 0}, [])


def test_a_newcomer_is_told_from_those_who_are_known(figures):
    known, newcomer = figures.pose(x=150), figures.pose(x=420)
    assert match([person(known)], [newcomer, figures.pose(x=152)], 1.0) == ({}, [0])
    assert match([], [newcomer], 1.0) == ({}, [0])
    assert match([person(known)], [], 1.0) == ({}, [])


def test_somebody_far_off_or_of_another_size_is_not_the_one_who_was_lost(figures):
    lost = person(figures.pose(x=100), 0.3)
    assert match([lost], [figures.pose(x=600)], 1.0) == ({}, [0])
    assert match([lost], [figures.pose(x=100, height=200)], 1.0) == ({}, [0])


def test_somebody_followed_upside_down_is_taken_up_from_where_they_are_seen_upright(figures):
    assert match([person(figures.pose(roll=np.pi))], [figures.pose()], 1.0) == ({0: 0}, [])
    assert match([person(figures.pose(roll=np.pi))], [figures.pose(roll=2.9)], 1.0)[0] == {}


def test_one_person_seen_in_two_parts_of_the_picture_is_one(figures):
    poses = [figures.pose(x=300), figures.pose(x=306, trust=0.95), figures.pose(x=500)]
    kept = _distinct(poses)
    assert kept == [poses[1], poses[2]]


@pytest.mark.parametrize(("size", "count"), [((1000, 1000), 1), ((1280, 720), 4), ((720, 1280), 4), ((3000, 1000), 6)])
def test_a_wide_picture_is_searched_in_overlapping_squares(size, count):
    views = _views(size)
    assert len(views) == count
    covered = np.zeros(size[::-1], int)
    for view in views[1:] or views:
        assert view.width == view.height
        covered[view.y : view.y + view.height, view.x : view.x + view.width] += 1
    assert covered.min() >= 1


def detections(poses, first=0):
    return [Detection.of(first + frame, pose) for frame, pose in enumerate(poses)]


def test_false_tracks_are_short_or_bodiless(figures):
    solid = detections([figures.pose()] * 30)
    assert not is_false_track(solid, 30, 300, 0.4)
    assert is_false_track(solid[:8], 30, 300, 0.4)
    assert not is_false_track(solid[:2], 30, 3, 0.4)  # a clip of three frames
    assert is_false_track(detections([figures.pose(trust=0.1)] * 30), 30, 300, 0.4)
    doubtful = detections([figures.pose(trust=0.55)] * 60)
    assert not is_false_track(doubtful, 30, 300, 0.4)
    assert is_false_track(doubtful[::2], 30, 300, 0.4)  # and there only every other frame
    assert not is_false_track(solid[::2], 30, 300, 0.4)
    assert is_false_track(detections([figures.pose(silhouette=False)] * 30), 30, 300, 0.4)


def test_a_track_is_contiguous_and_in_pixels_of_the_full_picture(figures):
    seen = [Detection.of(frame, figures.pose(x=100 + frame)) for frame in (5, 6, 9)]
    track = make_track(3, 1, seen, scale=2.0)
    assert (track.person_id, track.shot, len(track)) == (3, 1, 5)
    assert track.frames.tolist() == [5, 6, 7, 8, 9]
    assert track.seen.tolist() == [True, True, False, False, True]
    np.testing.assert_allclose(track.keypoints[0], 2 * seen[0].pose.keypoints)
    np.testing.assert_allclose(np.diff(track.box[:, 0]), 2.0, atol=1e-3)  # interpolated where not seen
    assert np.isnan(track.keypoints[2]).all()
    assert np.isnan(track.keypoints_world[3]).all()
    assert not track.visibility[2].any()
    assert track.mask.shape == (5, 64, 6)
    assert track.mask[0].any()
    assert not track.mask[2].any()
    for name, kind in (("box", np.float32), ("keypoints", np.float32), ("mask", np.uint8), ("frames", np.int64)):
        assert getattr(track, name).dtype == kind
