from pathlib import Path

import numpy as np
import pytest

from inference_backend.geometry.blazepose import INDEX
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.records.context import StageContext
from inference_backend.records.people import PersonTrack
from inference_backend.records.video import Shots, Video
from inference_backend.stages.camera.focal import place
from inference_backend.stages.camera.settings import CameraSettings
from inference_backend.stages.camera.stage import estimate_camera

SIZE = (1280, 720)
JOINTS = {"shoulder": (16, 17), "elbow": (18, 19), "wrist": (20, 21), "hip": (1, 2), "knee": (4, 5), "ankle": (7, 8)}


def video(count=10, focal_px=0.0):
    return Video(Path("clip.mp4"), 30.0, SIZE, np.arange(count) / 30, np.arange(count), focal_px=focal_px)


def one_shot(count=10):
    return Shots(np.zeros(count, np.int64), np.zeros(count, bool))


def estimate(settings=None, tracks=(), clip=None, said=None):
    clip = clip or video()
    ctx = StageContext(note=(said if said is not None else []).append)
    return estimate_camera(clip, one_shot(len(clip)), list(tracks), settings or CameraSettings(), ctx)


def filmed(studio, focal, heading, speed=1.2, noise_px=0.0, seconds=6.0):
    """Perfect landmarks of a walk, 7 m to 1 m from a level camera."""
    walk = studio.walk(seconds=seconds, speed=speed, heading=heading)
    joints = studio.film(walk, np.array([0.2, 1.2, 9.0]), 0.0)
    from inference_backend.geometry.forward_kinematics import pose_joints

    posed, rotations = pose_joints(walk.soles.joints, joints.global_orient, joints.body_pose, joints.transl)
    points = np.tile(posed[:, :1], (1, 33, 1))
    for part, pair in JOINTS.items():
        for side, joint in zip(("left", "right"), pair, strict=True):
            points[:, INDEX[f"{side}_{part}"]] = posed[:, joint]
    feet = walk.soles.of(posed, rotations)
    for s, side in enumerate(("left", "right")):
        points[:, INDEX[f"{side}_heel"]], points[:, INDEX[f"{side}_foot_index"]] = feet[:, s, 0], feet[:, s, 1]
    pixels = focal * points[..., :2] / points[..., 2:] + [SIZE[0] / 2, SIZE[1] / 2]
    pixels += noise_px * np.random.default_rng(0).normal(size=pixels.shape)
    hips = points[:, [INDEX["left_hip"], INDEX["right_hip"]]].mean(1)
    body = [i for name, i in INDEX.items() if any(part in name for part in JOINTS)]
    forward = np.append((pixels[:, body].mean(1) - [640, 360]) / focal, np.ones((len(hips), 1)), axis=1)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    view = np.stack([right, np.cross(forward, right), forward], axis=1)
    world = np.einsum("nij,npj->npi", view, points - hips[:, None])
    count = len(walk.video)
    track = PersonTrack(
        0, 0, np.arange(count), np.ones(count, bool), np.zeros((count, 4), np.float32), pixels.astype(np.float32),
        np.ones((count, 33), np.float32), world.astype(np.float32), np.zeros((count, 64, 6), np.uint8),
    )  # fmt: skip
    return video(count), track, hips


def test_the_user_wins_over_metadata_and_people(studio):
    clip, track, _ = filmed(studio, 1000.0, 0.0)
    clip = video(len(clip), focal_px=1500.0)
    camera = estimate(CameraSettings(focal_px=900.0, dist=(0.1, 0.01, 0, 0)), [track], clip)
    assert camera.source == ("user",)
    np.testing.assert_array_equal(camera.K[3], [[900, 0, 640], [0, 900, 360], [0, 0, 1]])
    np.testing.assert_array_equal(camera.dist, [0.1, 0.01, 0, 0, 0])
    K = ((1000.0, 0.0, 600.0), (0.0, 1010.0, 350.0), (0.0, 0.0, 1.0))
    np.testing.assert_array_equal(estimate(CameraSettings(focal_px=900.0, K=K)).K, np.tile(K, (10, 1, 1)))
    camera = estimate(clip=clip, tracks=[track])
    assert camera.source == ("metadata",)
    assert camera.K[0, 0, 0] == 1500


def test_a_guess_is_stated():
    said = []
    camera = estimate(said=said)
    assert camera.source == ("fallback",)
    assert camera.K[0, 0, 0] == pytest.approx(0.81 * np.hypot(*SIZE))
    assert len(said) == 1
    assert f"{camera.K[0, 0, 0]:.0f} pixels" in said[0]


@pytest.mark.parametrize("focal", [800.0, 1190.0, 1900.0])
def test_walking_in_depth_tells_the_focal_length(studio, focal):
    clip, track, _ = filmed(studio, focal, heading=0.1, noise_px=0.5)
    camera = estimate(tracks=[track], clip=clip)
    assert camera.source == ("people",)
    assert camera.K[0, 0, 0] == pytest.approx(focal, rel=0.13)


@pytest.mark.parametrize(("heading", "speed"), [(np.pi / 2, 1.0), (0.0, 0.0)])
def test_walking_across_or_standing_tells_nothing(studio, heading, speed):
    clip, track, _ = filmed(studio, 900.0, heading, speed, noise_px=1.0)
    camera = estimate(tracks=[track], clip=clip)
    assert camera.source == ("fallback",)


def test_people_can_be_left_out(studio):
    clip, track, _ = filmed(studio, 900.0, 0.1)
    assert estimate(CameraSettings(from_people=False), [track], clip).source == ("fallback",)


def test_landmarks_are_placed_where_they_were(studio):
    _, track, hips = filmed(studio, 1100.0, 0.3)
    origin, feet = place(
        track.keypoints.astype(float), track.keypoints_world.astype(float), track.visibility.astype(float),
        np.array([640.0, 360.0]), 1100.0,
    )  # fmt: skip
    np.testing.assert_allclose(origin, hips, atol=0.01)
    assert feet.shape == (len(hips), 2, 3)


def test_each_shot_is_asked_for_itself(studio):
    clip, track, _ = filmed(studio, 900.0, 0.1)
    count = len(clip)
    shots = Shots((np.arange(count) >= count - 5).astype(np.int64), np.zeros(count, bool))
    said = []
    camera = estimate_camera(clip, shots, [track], CameraSettings(), StageContext(note=said.append))
    assert camera.source == ("people", "fallback")
    assert camera.K[0, 0, 0] != camera.K[-1, 0, 0]
    assert "shot 2" in said[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"focal_px": -3.0},
        {"K": ((1, 0), (0, 1))},
        {"K": ((0.0, 0, 1), (0, 1, 1), (0, 0, 1))},
        {"K": ((1.0, 0, 1), (0.5, 1, 1), (0, 0, 1))},
        {"dist": (0.1, 0.2)},
        {"dist": (0.1, 0.2, 0.0, float("nan"))},
    ],
)
def test_camera_settings_are_checked(wrong):
    with pytest.raises(RecoverError) as caught:
        CameraSettings(**wrong)
    assert caught.value.code == ErrorCode.BAD_SETTING
    assert caught.value.remedy
