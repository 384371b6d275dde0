import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.training.data.archive import ANGLE_UNIT, LENGTH_UNIT, read_archive


def test_motion_comes_back_within_its_quantum(prepared, motions, body):
    archive = read_archive(prepared / "train.npz", body.sha256)
    assert archive.names == tuple(m.name for m in motions)
    assert len(archive) == 3
    for i, motion in enumerate(motions):
        span = archive.span(i)
        turned = Rotation.from_rotvec(archive.rotvec[span].reshape(-1, 3) * ANGLE_UNIT)
        truth = Rotation.from_matrix(motion.rotations.reshape(-1, 3, 3))
        assert (turned * truth.inv()).magnitude().max() < ANGLE_UNIT
        assert np.abs(archive.pelvis[span] * LENGTH_UNIT - motion.pelvis).max() <= LENGTH_UNIT
        np.testing.assert_allclose(archive.betas[i], motion.betas, atol=1e-6)


def test_motion_of_another_body_is_refused(prepared):
    with pytest.raises(RecoverError) as caught:
        read_archive(prepared / "train.npz", "0" * 64)
    assert caught.value.code == ErrorCode.WRONG_BODY


@pytest.mark.parametrize("content", [None, b"nothing", "arrays"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "train.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        np.savez(path, format=1)
    with pytest.raises(RecoverError) as caught:
        read_archive(path)
    assert caught.value.code == ErrorCode.BAD_INPUT
    assert "prepare" in caught.value.remedy
