from dataclasses import replace

import numpy as np
import pytest
import torch

from inference_backend.body.body import Body
from inference_backend.evaluation.metrics import mean_error, procrustes_errors
from inference_backend.evaluation.synthetic.clips import SyntheticClip, make_clip
from inference_backend.evaluation.synthetic.corruption import Corruption
from inference_backend.geometry.blazepose import INDEX
from inference_backend.geometry.projection import undistort
from inference_backend.protocol.skeleton import BODY_JOINTS
from inference_backend.records.context import StageContext
from inference_backend.records.motion import PoseEstimate
from inference_backend.stages.estimate.kinematic.estimate import estimate
from inference_backend.stages.estimate.kinematic.figure import Figure
from inference_backend.stages.estimate.kinematic.initialise import body_rotations
from inference_backend.stages.estimate.kinematic.settings import KinematicSettings
from inference_backend.training.mocap import MocapClip

CORE = [BODY_JOINTS.index(f"{s}_{p}") for p in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for s in ("left", "right")]  # fmt: skip  # noqa: E501
FAST = KinematicSettings(iterations=8, shape_iterations=5)


def recover(clip: SyntheticClip, body: Body, settings: KinematicSettings = FAST) -> PoseEstimate:
    return estimate(clip.video, clip.track, clip.camera, body, settings, StageContext())


def joints_of(found: PoseEstimate, body: Body) -> np.ndarray:
    parts = (torch.from_numpy(a).float() for a in (found.betas, found.global_orient, found.body_pose, found.transl))
    return body.skeleton(*parts)[0].numpy()


def pa(found: PoseEstimate, clip: SyntheticClip, body: Body, frames: slice = slice(None)) -> float:
    P, G = joints_of(found, body)[frames][:, CORE], clip.joints[frames][:, CORE]
    return mean_error(procrustes_errors(P.astype(np.float64), G, np.ones(P.shape[:2], bool)))


def assert_defined(found: PoseEstimate, frames: int) -> None:
    for name in ("betas", "global_orient", "body_pose", "transl", "confidence", "depth_sigma"):
        value = getattr(found, name)
        assert np.isfinite(value).all(), name
        assert name == "betas" or len(value) == frames, name
    assert np.linalg.norm(found.body_pose @ np.swapaxes(found.body_pose, -1, -2) - np.eye(3)) < 1e-4
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()


@pytest.fixture(scope="module")
def clean(walk: MocapClip, figure: Figure) -> SyntheticClip:
    return make_clip(walk, figure, frames=60, seed=3, corruption=Corruption(world=1.3), betas_sigma=0.5)


@pytest.fixture(scope="module")
def recovered(clean: SyntheticClip, body: Body) -> PoseEstimate:
    return recover(clean, body)


def test_the_initialisation_finds_a_pose_from_perfect_landmarks(walk: MocapClip, figure: Figure):
    clip = make_clip(walk, figure, frames=40, seed=1, corruption=None, betas_sigma=0.0)
    betas = torch.zeros(10, dtype=torch.float64)
    rotations = body_rotations(figure, betas, torch.from_numpy(clip.points))
    joints, _, _ = figure.pose(betas, rotations, torch.from_numpy(clip.pelvis))
    limbs = [BODY_JOINTS.index(f"{s}_{p}") for p in ("knee", "ankle", "shoulder", "elbow") for s in ("left", "right")]
    assert np.linalg.norm(joints.numpy() - clip.joints, axis=-1)[:, limbs].mean() < 0.01


def test_a_noisy_walk_is_recovered(recovered: PoseEstimate, clean: SyntheticClip, body: Body):
    assert_defined(recovered, 60)
    assert recovered.valid.all()
    assert pa(recovered, clean, body) < 50
    assert np.nanmedian(recovered.reproj_err) < 0.03
    assert recovered.confidence[:, CORE].mean() > 0.6


def test_the_same_input_gives_the_same_result(recovered: PoseEstimate, clean: SyntheticClip, body: Body):
    again = recover(clean, body)
    assert np.array_equal(again.transl, recovered.transl)
    assert np.array_equal(again.body_pose, recovered.body_pose)


def test_it_beats_the_landmarks_it_was_given(recovered: PoseEstimate, clean: SyntheticClip, body: Body):
    marks = [
        INDEX[f"{s}_{p}"] for p in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for s in ("left", "right")
    ]
    world = clean.track.keypoints_world[:, marks].astype(np.float64)
    theirs = mean_error(procrustes_errors(world, clean.points[:, marks], np.ones(world.shape[:2], bool)))
    assert pa(recovered, clean, body) < 0.9 * theirs


def test_knees_bend_the_right_way(recovered: PoseEstimate, clean: SyntheticClip, body: Body):
    joints = joints_of(recovered, body)
    for side in ("left", "right"):
        hip, knee, ankle = (joints[:, BODY_JOINTS.index(f"{side}_{p}")] for p in ("hip", "knee", "ankle"))
        forward = recovered.global_orient[..., 2]
        ahead = ((knee - 0.5 * (hip + ankle)) * forward).sum(axis=-1)
        assert (ahead > -0.02).all()


def test_hidden_legs_stay_plausible(walk: MocapClip, figure: Figure, body: Body):
    clip = make_clip(walk, figure, frames=75, seed=5, corruption=Corruption(events="legs"), betas_sigma=0.5)
    hidden = clip.hidden[:, INDEX["left_knee"]]
    assert hidden.sum() > 15
    found = recover(clip, body, KinematicSettings())
    joints = joints_of(found, body)
    feet = joints[:, [7, 8]].mean(axis=1) - joints[:, 0]
    up = -found.global_orient[..., 1]
    assert ((feet * up).sum(axis=-1) > 0.55).all()  # below the pelvis, not folded up
    assert pa(found, clip, body) < 110
    legs = [BODY_JOINTS.index(name) for name in ("left_knee", "right_knee", "left_ankle", "right_ankle")]
    assert found.confidence[hidden][:, legs].mean() < 0.7 * found.confidence[~hidden][:, legs].mean()


def test_a_clip_at_60_fps_gives_every_frame(clean: SyntheticClip, body: Body):
    fast = replace(clean.video, fps=60.0, time_s=clean.video.time_s / 2)
    found = estimate(fast, clean.track, clean.camera, body, FAST, StageContext())
    assert_defined(found, 60)


def test_long_clips_are_solved_in_windows_that_fit_together(clean: SyntheticClip, body: Body):
    windows = replace(FAST, window=30, overlap=10, batch=2)
    heard = []
    ctx = StageContext(progress=lambda fraction, frames: heard.append((fraction, frames)))
    found = estimate(clean.video, clean.track, clean.camera, body, windows, ctx)
    assert_defined(found, 60)
    assert heard[-1] == (1.0, 60)
    assert pa(found, clean, body) < 60
    steps = np.linalg.norm(np.diff(joints_of(found, body), axis=0), axis=-1)
    assert steps.max() < 0.15


def unseen(clip: SyntheticClip, gone: np.ndarray) -> SyntheticClip:
    track = clip.track
    seen = track.seen & ~gone
    keypoints, world, visibility = track.keypoints.copy(), track.keypoints_world.copy(), track.visibility.copy()
    keypoints[gone], world[gone], visibility[gone] = np.nan, np.nan, 0
    return replace(
        clip, track=replace(track, seen=seen, keypoints=keypoints, keypoints_world=world, visibility=visibility)
    )


def test_a_gap_is_bridged_and_its_depth_called_invalid(clean: SyntheticClip, body: Body):
    gone = np.zeros(60, bool)
    gone[10:55] = True
    found = recover(unseen(clean, gone), body)
    assert_defined(found, 60)
    assert not found.valid[30:35].any()
    assert found.valid[:20].all()
    assert np.isnan(found.reproj_err[gone]).all()
    assert found.confidence[32].max() < 0.1
    assert found.depth_sigma[32] > found.depth_sigma[5]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_clips(clean: SyntheticClip, body: Body, frames: int):
    track = clean.track
    names = ("frames", "seen", "box", "keypoints", "visibility", "keypoints_world", "mask")
    short = replace(track, **{name: getattr(track, name)[:frames] for name in names})
    found = estimate(clean.video, short, clean.camera, body, FAST, StageContext())
    assert_defined(found, frames)


def test_nothing_seen_at_all(clean: SyntheticClip, body: Body):
    found = recover(unseen(clean, np.ones(60, bool)), body)
    assert_defined(found, 60)
    assert not found.valid.any()
    assert found.confidence.max() == 0


def test_nan_landmarks_in_seen_frames_count_as_unseen(clean: SyntheticClip, body: Body):
    keypoints = clean.track.keypoints.copy()
    keypoints[7, 3] = np.nan
    found = recover(replace(clean, track=replace(clean.track, keypoints=keypoints)), body)
    assert_defined(found, 60)


def test_a_person_cut_by_the_border(clean: SyntheticClip, body: Body):
    keypoints = clean.track.keypoints + np.array([0.0, 700.0], np.float32)
    visibility = np.where(keypoints[..., 1] > clean.video.size_wh[1], 0.1, clean.track.visibility)
    track = replace(clean.track, keypoints=keypoints, visibility=visibility.astype(np.float32))
    assert_defined(recover(replace(clean, track=track), body), 60)


def test_a_camera_that_turns_and_shakes_changes_little(walk: MocapClip, figure: Figure, body: Body):
    """The same landmarks, seen from the same place by a camera that pans by 20 degrees with a hand's shake."""
    from tests.inference_backend.stages.turning_camera import shake, turns

    clip = make_clip(walk, figure, frames=60, seed=5, corruption=Corruption(world=1.0), betas_sigma=0.3)
    turn = turns(shake(60, 0.5) + np.outer(20 * np.sin(np.linspace(0, np.pi, 60)), [0, 1, 0]))
    turn = turn[0].T @ turn
    K = clip.camera.K
    rays = undistort(clip.track.keypoints, K, clip.camera.dist)
    rays = np.concatenate([rays, np.ones((60, 33, 1))], axis=-1) @ turn
    pixels = (rays / rays[..., 2:]) @ K.swapaxes(1, 2)
    track = replace(clip.track, keypoints=pixels[..., :2].astype(np.float32))
    camera = replace(clip.camera, dist=np.zeros(5), turn=turn, motion=("turning",))
    still = recover(replace(clip, camera=clip.camera), body)
    moving = recover(replace(clip, track=track, camera=camera), body)
    assert_defined(moving, 60)
    before, room = joints_of(still, body), np.einsum("nij,nkj->nki", turn, joints_of(moving, body))
    assert np.linalg.norm(room - before, axis=-1).mean() < 0.006 * clip.pelvis[:, 2].mean()
    assert abs(np.nanmedian(moving.reproj_err) - np.nanmedian(still.reproj_err)) < 0.01
    assert pa(moving, clip, body) < 1.1 * pa(still, clip, body) + 2
    # Who is not told takes the hand's shake for the person's, smooths it, and is off by the rest.
    blind = recover(replace(clip, track=track, camera=replace(camera, turn=None)), body)
    wrong = np.einsum("nij,nkj->nki", turn, joints_of(blind, body))

    def jerks(joints: np.ndarray) -> float:
        return float(np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1).mean())

    assert jerks(room) < 1.1 * jerks(before)
    assert jerks(wrong) > 1.5 * jerks(before)
