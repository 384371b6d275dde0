import numpy as np
import pytest
import roma
import torch

from inference_backend.protocol.errors import RecoverError
from inference_backend.training.data.archive import read_archive
from inference_backend.training.data.posing import PosedBody
from inference_backend.training.data.windows import MotionWindows, mirrored


@pytest.fixture(scope="module")
def archive(prepared):
    return read_archive(prepared / "train.npz")


def test_without_augmentation_windows_are_stretches_of_the_motion(archive, motions, body, generator):
    drawn = MotionWindows(archive, body, generator, augment=False).draw(20, 40)
    for rotations, pelvis in zip(drawn.rotations, drawn.pelvis, strict=True):
        best = min(
            np.abs(motion.pelvis[start : start + 40] - pelvis.numpy()).max()
            + np.abs(motion.rotations[start : start + 40] - rotations.numpy()).max()
            for motion in motions
            for start in range(len(motion.pelvis) - 39)
        )
        assert best < 5e-3


def test_speed_changes_keep_rotations_smooth(archive, body, generator):
    drawn = MotionWindows(archive, body, generator).draw(64, 32)
    relative = drawn.rotations[:, :-1].mT @ drawn.rotations[:, 1:]
    assert roma.rotmat_to_rotvec(relative).norm(dim=-1).max() < 0.2
    pace = drawn.pelvis.diff(dim=1)[..., 2].abs().mean(1) * 30
    assert pace.min() < 0.8
    assert pace.max() > 1.0


def test_clips_that_are_too_short_are_not_drawn(archive, body, generator):
    drawn = MotionWindows(archive, body, generator, augment=False).draw(8, 80)
    assert (drawn.betas == drawn.betas[:1]).all()
    with pytest.raises(RecoverError, match="100 frames"):
        MotionWindows(archive, body, generator).draw(8, 100)


def test_a_mirrored_body_is_the_body_mirrored(archive, body, generator):
    drawn = MotionWindows(archive, body, generator, augment=False).draw(2, 5)
    posed = PosedBody(body, [0])
    betas = torch.zeros(2, 1, 10)
    rotations, pelvis = mirrored(drawn.rotations, drawn.pelvis)
    joints = posed.pose(betas, drawn.rotations).joints
    other = posed.pose(betas, rotations).joints
    flip = torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(other[:, :, 4], joints[:, :, 5] * flip, atol=5e-3, rtol=0)
    torch.testing.assert_close(other[:, :, 21], joints[:, :, 20] * flip, atol=5e-3, rtol=0)
    torch.testing.assert_close(pelvis, drawn.pelvis * flip)


def test_another_shape_keeps_its_feet_on_the_floor(archive, body, generator):
    windows = MotionWindows(archive, body, generator)
    posed = PosedBody(body, [0])
    drawn = windows.draw(32, 16)
    lowest = (posed.pose(drawn.betas[:, None], drawn.rotations).joints[..., 7:9, 1] + drawn.pelvis[..., None, 1]).amin(
        2
    )
    height = (body.rest_joints(drawn.betas)[:, 0, 1] - body.rest_joints(drawn.betas)[:, 7, 1])[:, None]
    assert (lowest / height).std() < 0.06
