import importlib.util
from pathlib import Path

import numpy as np
import pytest

from inference_backend.evaluation.reference_clips import by_reference_name, load_clip, nearest_person, score
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.protocol.skeleton import BODY_JOINTS

NAMES = (
    "pelvis", "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle", "l_heel", "r_heel", "l_ball", "r_ball",
    "l_toe",
    "r_toe", "mid_shoulder", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist", "r_wrist",
)  # fmt: skip


def write_clip(path: Path, frames: int = 40, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    wander = np.cumsum(rng.normal(0, 0.003, (frames, 20, 3)), axis=0)
    world = rng.uniform(-0.5, 0.5, (20, 3)) + np.array([0, 0, 0.9]) + wander
    world[:, 7:9] = [0.1, 0, 0.02]  # heels that stand
    world[:, 11:13] = np.nan
    R = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    cam = world @ R.T + [0, 1, 4]
    K = np.array([[900.0, 0, 320], [0, 900, 240], [0, 0, 1]])
    pixels = (cam / cam[..., 2:]) @ K.T
    valid = rng.random((frames, 20)) < 0.95
    np.savez(
        path, joint_names=np.array(NAMES), joints_world=world, joints_cam=cam, joints_2d=pixels[..., :2], valid=valid,
        visible=rng.random((frames, 20)) < 0.7, K=K, dist=np.zeros(4), fps=30.0, floor_z=0.0,
    )  # fmt: skip


def test_agrees_with_the_folders_own_scorer(shared: Path, tmp_path: Path):
    spec = importlib.util.spec_from_file_location("clip_score", shared / "realvideo" / "score.py")
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    rng = np.random.default_rng(5)
    for seed in range(3):
        path = tmp_path / f"clip{seed}.npz"
        write_clip(path, seed=seed)
        clip = load_clip(path)
        pred = rng.normal(0, 0.05, clip.joints_cam.shape) + np.nan_to_num(clip.joints_cam)
        pred[rng.random(40) < 0.05] = np.nan
        ours = score(pred, clip)
        reference = theirs.score(pred, dict(np.load(path)))
        for key, value in ours.items():
            assert value == pytest.approx(reference[key], rel=1e-9, nan_ok=True), key


def test_the_reference_itself_scores_zero(tmp_path: Path):
    write_clip(tmp_path / "clip.npz")
    clip = load_clip(tmp_path / "clip.npz")
    out = score(clip.joints_cam, clip)
    for key in ("PA-MPJPE", "MPJPE", "Abs-MPJPE", "W-MPJPE", "WA-MPJPE", "RTE-mm", "Accel", "G-Accel"):
        assert out[key] == pytest.approx(0.0, abs=1e-6), key
    assert out["coverage"] == 100.0
    assert out["Jitter"] == pytest.approx(out["Jitter-ref"])


def test_body_joints_get_their_reference_names():
    joints = np.random.default_rng(0).normal(size=(3, 22, 3))
    named = by_reference_name(joints, NAMES)
    assert np.array_equal(named[:, NAMES.index("r_elbow")], joints[:, BODY_JOINTS.index("right_elbow")])
    assert np.array_equal(named[:, NAMES.index("l_ball")], joints[:, BODY_JOINTS.index("left_foot")])
    assert np.allclose(named[:, 0], joints[:, 1:3].mean(axis=1))
    assert np.isnan(named[:, NAMES.index("l_heel")]).all()


def test_the_person_who_is_meant_is_found(tmp_path: Path):
    write_clip(tmp_path / "clip.npz")
    clip = load_clip(tmp_path / "clip.npz")
    beside, short = clip.joints_cam + np.array([0.8, 0, 0]), clip.joints_cam.copy()
    short[5:] = np.nan
    assert nearest_person([beside, short, clip.joints_cam + 0.02], clip) == 2


def test_something_else_is_refused(tmp_path: Path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(RecoverError) as caught:
        load_clip(tmp_path / "other.npz")
    assert caught.value.code == ErrorCode.BAD_INPUT
