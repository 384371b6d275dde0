"""What landmark networks are shown before a camera that shakes, and how what they recover is turned back."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inference_backend.geometry.projection import project
from inference_backend.pipeline.stages import Stages
from inference_backend.records.camera import Camera
from inference_backend.records.context import StageContext
from inference_backend.records.motion import PoseEstimate
from inference_backend.records.people import PersonTrack
from inference_backend.records.video import Video
from inference_backend.stages.estimate.registry import ESTIMATORS, Estimator
from inference_backend.stages.estimate.steady_view import steady_view, turned_back
from tests.inference_backend.stages.turning_camera import errors, pinhole, shake, turns

COUNT = 60
DIST = np.array([-0.1, 0.02, 0, 0, 0])


@pytest.fixture
def filmed():
    """Points that stand in the room, seen by a camera that pans by 60 degrees and shakes."""
    turn = turns(shake(COUNT, 0.8) + np.outer(np.linspace(0, 60, COUNT), [0, 1, 0]))
    turn = turn[0].T @ turn
    K = np.tile(pinhole(500.0), (COUNT, 1, 1))
    K[:, :2, :2] *= np.linspace(1, 1.3, COUNT)[:, None, None]
    camera = Camera(K, DIST, ("user",), turn, ("turning",))
    middle = turns(np.outer(np.linspace(0, 60, COUNT), [0, 1, 0])) @ [0.0, 0.1, 4.0]
    points = middle[:, None] + np.random.default_rng(0).uniform(-0.7, 0.7, (33, 3))
    seen = points @ turn
    pixels = project(torch.from_numpy(seen), torch.from_numpy(K), torch.from_numpy(DIST)).numpy()
    box = np.concatenate([pixels.min(1), pixels.max(1)], axis=1)
    track = PersonTrack(
        0, 0, np.arange(COUNT), np.ones(COUNT, bool), box.astype(np.float32), pixels.astype(np.float32),
        np.ones((COUNT, 33), np.float32), np.zeros((COUNT, 33, 3), np.float32), np.zeros((COUNT, 64, 6), np.uint8),
    )  # fmt: skip
    return Video("clip.mp4", 30.0, (480, 270), np.arange(COUNT) / 30, np.arange(COUNT)), track, camera, points


def jerkiness(turn):
    return errors(turn[2:], turn[1:-1] @ turn[:-2].swapaxes(1, 2) @ turn[1:-1]).mean()


def test_landmarks_are_those_of_a_calm_camera_of_the_same_place_and_lens(filmed):
    video, track, camera, points = filmed
    seen, calm = steady_view(video, track, camera)
    assert jerkiness(calm.turn) < 0.15 * jerkiness(camera.turn)
    assert errors(calm.turn, camera.turn).max() < 8
    expected = project(torch.from_numpy(points @ calm.turn), torch.from_numpy(camera.K)).numpy()
    np.testing.assert_allclose(seen.keypoints, expected, atol=0.05)
    inside = (seen.box[:, None, :2] - 8 < expected) & (expected < seen.box[:, None, 2:] + 8)
    assert inside.all()
    np.testing.assert_allclose(np.diff(seen.box.reshape(-1, 2, 2), axis=1), np.diff(track.box.reshape(-1, 2, 2), axis=1), atol=1e-3)  # fmt: skip  # noqa: E501
    assert not calm.dist.any()


def test_a_still_camera_s_view_is_left_alone(filmed):
    video, track, camera, _ = filmed
    assert steady_view(video, track, replace(camera, turn=None)) is None
    assert steady_view(video, track, replace(camera, turn=np.tile(np.eye(3), (COUNT, 1, 1)))) is None


def test_missing_landmarks_stay_missing(filmed):
    video, track, camera, _ = filmed
    track.keypoints[7] = np.nan
    seen, _ = steady_view(video, track, camera)
    assert np.isnan(seen.keypoints[7]).all()
    assert np.isfinite(seen.keypoints[8]).all()
    assert np.isfinite(seen.box).all()


def test_the_motion_comes_back_into_the_real_camera_s_axes(filmed, studio):
    """An estimator that recovers a body at rest in the room, as the camera that it is shown sees it."""
    video, track, camera, _ = filmed
    rest = studio.body.rest_joints(torch.zeros(10))[0].double().numpy()
    shown = []

    def recover(_video, given, seen_by, _body, _settings, _ctx):
        shown.append(seen_by)
        back = seen_by.turn.swapaxes(1, 2)
        return PoseEstimate(
            0, 0, given.frames, "x", np.ones(COUNT, bool), np.zeros(10), back @ turns([[10.0, 20, 30]])[0],
            np.tile(np.eye(3), (COUNT, 21, 1, 1)), back @ [0.3, 0.2, 4.0] - rest, np.ones((COUNT, 22)), np.ones(COUNT),
            np.ones(COUNT),
        )  # fmt: skip

    for steady in (True, False):
        estimator = Estimator("x", "kinematic", 1, lambda: recover, str, wants_steady_view=lambda _s, w=steady: w)
        motion = Stages().estimate(estimator, video, track, camera, studio.body, None, StageContext())
        room = camera.turn @ motion.global_orient
        np.testing.assert_allclose(room, np.tile(turns([[10.0, 20, 30]]), (COUNT, 1, 1)), atol=1e-9)
        pelvis = np.einsum("nij,nj->ni", camera.turn, motion.transl + rest)
        np.testing.assert_allclose(pelvis, np.tile([0.3, 0.2, 4.0], (COUNT, 1)), atol=1e-6)
        assert (shown[-1] is camera) != steady
    there = turned_back(motion, camera, camera, studio.body)
    np.testing.assert_allclose(there.transl, motion.transl, atol=1e-9)


def test_networks_that_read_landmarks_are_shown_the_calm_view():
    from inference_backend.pipeline.settings import RecoverSettings

    settings = RecoverSettings()
    assert ESTIMATORS["moro"].wants_steady_view(settings.moro)
    assert ESTIMATORS["rope+moro"].wants_steady_view(settings.rope_moro)
    assert not ESTIMATORS["kinematic"].wants_steady_view(settings.kinematic)  # fits in the room's axes itself
