from dataclasses import replace

import numpy as np
import pytest

from inference_backend.geometry.blazepose import LEG_PAIRS, MIRROR
from inference_backend.stages.people.person_tracker import Detection
from inference_backend.stages.people.plausible_path import most_plausible_path
from inference_backend.stages.people.repair import repair
from inference_backend.stages.people.swaps import exchange_body, exchanged

HEIGHT = 400.0


def walk(figures, count=90, fps=30.0, yaw=0.0):
    """Poses of a person who walks across, and their times."""
    times = np.arange(count) / fps
    yaws = np.broadcast_to(yaw, count)
    poses = [
        figures.pose(x=100 + 150 * t, stride=0.35 * np.sin(2 * np.pi * t), yaw=y)
        for t, y in zip(times, yaws, strict=True)
    ]
    return poses, times


def taken_for_the_back(pose):
    points, world = exchange_body(pose.keypoints, pose.world)
    return replace(pose, keypoints=points, world=world, visibility=pose.visibility[list(MIRROR)])


def path(poses, times):
    return most_plausible_path(np.stack([pose.keypoints for pose in poses]), times, HEIGHT)


@pytest.mark.parametrize("fps", [12.0, 30.0, 60.0])
@pytest.mark.parametrize("yaw", [0.0, 0.6, np.pi])
def test_a_plain_walk_is_left_alone(figures, fps, yaw):
    result = path(*walk(figures, 90, fps, yaw))
    assert result.believed.all()
    assert not result.exchanged.any()


def test_somebody_who_turns_round_and_back_is_left_alone(figures):
    yaw = np.pi * (1 - np.cos(np.linspace(0, 2 * np.pi, 120))) / 2
    result = path(*walk(figures, 120, yaw=yaw))
    assert result.believed.all()
    assert not result.exchanged.any()


def test_a_front_taken_for_a_back_is_put_right(figures):
    poses, times = walk(figures)
    wrong = [*range(20, 32), 50, *range(60, 75)]
    taken = [taken_for_the_back(pose) if frame in wrong else pose for frame, pose in enumerate(poses)]
    mended = repair([Detection.of(frame, pose) for frame, pose in enumerate(taken)], times)
    assert [detection.frame for detection in mended] == list(range(90))
    for detection in mended:
        np.testing.assert_allclose(detection.pose.keypoints, poses[detection.frame].keypoints)
        np.testing.assert_allclose(detection.pose.world, poses[detection.frame].world)


def test_exchanging_twice_changes_nothing(figures):
    pose = figures.pose(yaw=0.4, stride=0.3)
    points, world = exchange_body(*exchange_body(pose.keypoints, pose.world))
    np.testing.assert_array_equal(points, pose.keypoints)
    np.testing.assert_array_equal(world, pose.world)


def test_frames_somewhere_else_are_left_out(figures):
    poses, times = walk(figures)
    for frame in (10, 40, 41, 42, 43, 44, 45):
        poses[frame] = figures.pose(x=500, yaw=1.0)
    for frame in (70, 71):
        poses[frame] = figures.pose(x=100 + 150 * times[frame], roll=np.pi)
    result = path(poses, times)
    assert np.flatnonzero(~result.believed).tolist() == [10, 40, 41, 42, 43, 44, 45, 70, 71]


def test_a_false_start_and_a_false_end_are_left_out(figures):
    poses, times = walk(figures)
    for frame in (0, 1, 2, 88, 89):
        poses[frame] = figures.pose(x=550, roll=2.5)
    assert np.flatnonzero(~path(poses, times).believed).tolist() == [0, 1, 2, 88, 89]


@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_a_somersault_survives(figures, fps):
    times = np.arange(round(2 * fps)) / fps
    rolls = np.clip((times - 0.5) * np.radians(450), 0, 2 * np.pi)
    poses = [
        figures.pose(x=100 + 100 * t, foot=500 - 200 * np.sin(roll / 2), roll=roll)
        for t, roll in zip(times, rolls, strict=True)
    ]
    assert path(poses, times).believed.all()


def test_a_real_jump_cannot_be_left_out(figures):
    """Somebody is lost and comes back elsewhere for good: both parts are true."""
    poses, times = walk(figures)
    poses[45:] = [figures.pose(x=450 + 150 * t) for t in times[45:]]
    times[45:] += 1.0
    assert path(poses, times).believed.all()


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_tracks_are_believed(figures, count):
    result = path(*walk(figures, count))
    assert result.believed.all()
    assert len(result.exchanged) == count


def test_legs_that_change_sides_for_a_moment_are_put_right(figures):
    poses, times = walk(figures)
    order = exchanged(LEG_PAIRS)
    wrong = [20, 50, 51]
    taken = [
        replace(pose, keypoints=pose.keypoints[order], world=pose.world[order]) if frame in wrong else pose
        for frame, pose in enumerate(poses)
    ]
    mended = repair([Detection.of(frame, pose) for frame, pose in enumerate(taken)], times)
    assert len(mended) == 90
    for detection in mended:
        np.testing.assert_allclose(detection.pose.keypoints, poses[detection.frame].keypoints)


def test_legs_that_cross_are_left_alone(figures):
    poses, times = walk(figures, yaw=np.pi / 2)  # from the side, where the legs pass each other
    mended = repair([Detection.of(frame, pose) for frame, pose in enumerate(poses)], times)
    for detection in mended:
        np.testing.assert_allclose(detection.pose.keypoints, poses[detection.frame].keypoints)
