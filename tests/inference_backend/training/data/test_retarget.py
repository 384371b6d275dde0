from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference_backend.body.body import Body
from inference_backend.training.data.prepare import main
from inference_backend.training.data.retarget import Retargeting, broken, joint_table, subject_shape
from inference_backend.training.mocap import MocapPack


@pytest.fixture(scope="module", params=["daz", "asf"])
def fitted(request, shared):
    body = Body.load(None, dtype=torch.float64)
    clip = MocapPack(shared / "mocap" / f"cmu_{request.param}_test.npz").clip(1)
    return request.param, body, clip, Retargeting(body, subject_shape(body, [clip])).motion(clip)


def test_ankles_are_where_the_source_has_them(fitted):
    _, _, _, motion = fitted
    table = joint_table([motion])
    assert table["left_ankle"] < 8
    assert table["right_ankle"] < 8
    assert broken(motion) is None


def test_soles_are_on_the_floor(fitted):
    _, _, _, motion = fitted
    assert -0.02 < np.quantile(motion.lowest, 0.01) < 0.01
    assert np.median(motion.lowest) < 0.05


def test_rotations_turn_little(fitted):
    _, _, clip, motion = fitted
    relative = np.swapaxes(motion.rotations, -1, -2) @ clip.rotations
    angle = np.degrees(np.arccos(np.clip((np.trace(relative, axis1=-2, axis2=-1) - 1) / 2, -1, 1)))
    assert np.median(angle, axis=0).max() < 12
    assert np.allclose(motion.rotations @ np.swapaxes(motion.rotations, -1, -2), np.eye(3), atol=1e-9)


def test_bones_are_as_long_as_the_subjects(fitted):
    _, body, clip, motion = fitted
    joints = body.rest_joints(torch.from_numpy(motion.betas))[:22].numpy()
    shin = np.linalg.norm(joints[4] - joints[7])
    theirs = np.median(np.linalg.norm(clip.joints[:, 4] - clip.joints[:, 7], axis=-1))
    assert abs(shin - theirs) < 0.02
    assert np.abs(motion.betas).max() < 4


def test_feet_slide_less_than_by_rotations_alone(shared):
    """On a figure with long shins and short thighs, copying rotations alone makes standing ankles slide."""
    body = Body.load(None, dtype=torch.float64)
    clip = MocapPack(shared / "mocap" / "cmu_asf_test.npz").clip(0)
    retargeting = Retargeting(body, subject_shape(body, [clip]))
    motion = retargeting.motion(clip)

    def ankle(rotations, pelvis):
        joints, _, _ = retargeting._figure.pose(
            torch.from_numpy(motion.betas), torch.from_numpy(rotations), torch.from_numpy(pelvis)
        )
        return joints[:, 7].numpy()

    fitted = ankle(motion.rotations, motion.pelvis)
    copied = ankle(clip.rotations, motion.pelvis)
    source = clip.joints[:, 7]
    standing = np.linalg.norm(np.diff(source, axis=0), axis=1) < 0.004
    assert standing.sum() > 5
    slide = [np.linalg.norm(np.diff(path, axis=0), axis=1)[standing].mean() for path in (fitted, copied)]
    assert slide[0] <= slide[1] * 1.02


def test_broken_motion_is_named(fitted):
    _, _, _, motion = fitted
    assert "turned" in broken(replace(motion, turned=np.full(len(motion.pelvis), 1.0)))
    jumped = motion.pelvis.copy()
    jumped[5:] += 1.0
    assert "jumps" in broken(replace(motion, pelvis=jumped))
    assert "floor" in broken(replace(motion, lowest=np.full(len(motion.pelvis), -0.2), uneven=False))
    missed = motion.error.copy()
    missed[7] = 0.2
    assert "ankles" in broken(replace(motion, error=missed))


def test_the_command_refuses_an_empty_folder(tmp_path: Path, capsys):
    assert main(["--mocap", str(tmp_path), "--out", str(tmp_path), "--splits", "val"]) == 1
    assert "cmu_" in capsys.readouterr().err
