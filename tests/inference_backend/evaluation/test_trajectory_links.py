"""Clips before a camera that is carried after somebody, and what is measured on them."""

import numpy as np
import pytest

from inference_backend.body.body import Body
from inference_backend.evaluation.protocols import Pair
from inference_backend.evaluation.synthetic.corruption import Corruption
from inference_backend.evaluation.trajectory import __main__ as command
from inference_backend.evaluation.trajectory.__main__ import _scores
from inference_backend.evaluation.trajectory.following import follow
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.protocol.skeleton import BODY_JOINTS
from inference_backend.stages.estimate.kinematic.landmarks import figure_of
from inference_backend.training.mocap import read_split


@pytest.fixture(scope="module")
def followed(shared):
    motion = next(m for m in read_split(shared / "mocap", "val") if len(m.midhip) >= 90 and not m.uneven)
    return follow(motion, figure_of(Body.load(None)), frames=90, seed=1, corruption=Corruption())


def test_the_camera_goes_along_and_its_turning_is_told_almost_right(followed):
    clip, eye = followed.clip, followed.eye
    away = np.linalg.norm((followed.joints_world[:, 0] - eye)[:, [0, 2]], axis=1)
    assert away.min() > 2.0
    assert away.max() < 6.5
    assert clip.camera.motion == ("carried",)
    np.testing.assert_allclose(clip.camera.turn[0], np.eye(3), atol=1e-9)
    # In the first frame's axes, what the camera saw and where it was make the motion, but for the turning's error.
    arms = np.einsum("nij,nkj->nki", clip.camera.turn, clip.joints)
    true = followed.joints_world - eye[:, None]
    first = np.linalg.lstsq(arms[0], true[0], rcond=None)[0]
    np.testing.assert_allclose(first @ first.T, np.eye(3), atol=1e-6)
    off = np.linalg.norm(arms @ first - true, axis=-1).mean(1)
    assert off[0] < 1e-6
    assert 0.001 < off.max() < 0.15
    assert (clip.joints[..., 2] > 1).all()
    assert np.isfinite(clip.track.keypoints).all()


def test_scores_of_the_truth_are_zero_and_of_who_stays_are_not(followed):
    world, camera = followed.joints_world, followed.clip.joints
    away = np.zeros(len(world), bool)
    away[40:60] = True
    same = Pair("a", 30.0, BODY_JOINTS, camera, camera, world, world)
    scores = _scores([same], [world[:, 0]], [away])
    for name in ("MPJPE", "W-MPJPE-rigid", "WA-MPJPE-rigid", "RTE", "path", "hidden"):
        assert scores[name] == pytest.approx(0, abs=1e-6)
    gone = world[:, 0].copy()
    gone[away] += [0.5, 0, 0]
    scores = _scores([same], [gone], [away])
    assert scores["path"] == pytest.approx(0, abs=1e-6)
    assert scores["hidden"] == pytest.approx(500)


def test_clips_too_long_for_any_motion_are_refused(shared, tmp_path, capsys):
    arguments = ["--mocap", str(shared / "mocap"), "--out", str(tmp_path), "--frames", "1000000"]
    assert command.main(arguments) == 1
    assert "1000000 frames" in capsys.readouterr().err


def test_settings_that_are_no_json_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        command.main(["--mocap", str(tmp_path), "--out", str(tmp_path), "--settings", "{"])
    assert "no JSON" in capsys.readouterr().err


def test_what_clips_are_made_with_is_part_of_what_they_are(shared, tmp_path, monkeypatch):
    """Stages of an earlier run are not taken for those of clips that are made otherwise."""
    recipes = []

    def stop(_clip, recipe, *_more):
        recipes.append(recipe)
        raise RecoverError(ErrorCode.INTERNAL, "Enough.", "None.")

    monkeypatch.setattr(command, "recover_synthetic", stop)
    arguments = ["--mocap", str(shared / "mocap"), "--out", str(tmp_path), "--clips", "1", "--frames", "60"]
    assert command.main([*arguments, "--kinds", "carried", "--ways", "never"]) == 1
    assert {"clips.py", "corruption.py", "following.py", "cmu_asf_val.npz"} <= set(recipes[0]["files"])
