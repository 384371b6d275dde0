"""`body.npz` is enough to pose the body with numpy alone, and is written whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inference_backend.body.body import Body
from inference_backend.body.export import export_person_body
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.protocol.skeleton import JOINTS, PARENTS


def test_a_reader_without_torch_gets_the_same_body(tmp_path: Path) -> None:
    body = Body.load()
    betas = {3: np.linspace(-1, 1, 10), 7: np.zeros(10)}
    path = tmp_path / "clip two" / "body.npz"
    export_person_body(body, path, betas)
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    assert arrays["person_ids"].tolist() == [3, 7]
    assert arrays["joint_names"].tolist() == list(JOINTS)
    assert arrays["parents"].tolist() == list(PARENTS)
    assert str(arrays["body_name"]) == "SMPLX_OPEN"
    assert str(arrays["body_sha256"]) == body.sha256
    assert dict(zip(arrays["point_names"].tolist(), arrays["point_indices"].tolist(), strict=True)) == body.points
    assert arrays["left_hand_pose"].shape == arrays["right_hand_pose"].shape == (15, 3)

    vertices = arrays["v_template"] + arrays["shapedirs"] @ arrays["p3_betas"]
    joints = arrays["J_template"] + arrays["J_shapedirs"] @ arrays["p3_betas"]
    assert np.allclose(vertices, arrays["p3_vertices"], atol=1e-5)
    assert np.allclose(joints, arrays["p3_rest_joints"], atol=1e-5)
    assert np.allclose(arrays["p7_vertices"], arrays["v_template"], atol=1e-6)

    # A quarter turn of the left elbow about y, skinned by hand, against the body's own answer (flat hands).
    elbow = JOINTS.index("left_elbow")
    turn = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    moved = [elbow]
    for joint, parent in enumerate(PARENTS):
        if parent in moved:
            moved.append(joint)
    share = arrays["lbs_weights"][:, moved].sum(axis=1, keepdims=True)
    turned = (vertices - joints[elbow]) @ turn.T + joints[elbow]
    expected = share * turned + (1 - share) * vertices
    pose, flat = torch.eye(3).repeat(21, 1, 1), torch.eye(3).repeat(15, 1, 1)
    pose[elbow - 1] = torch.from_numpy(turn)
    posed = body(torch.tensor(betas[3]).float(), torch.eye(3), pose, torch.zeros(3), flat, flat).vertices
    assert np.abs(posed.numpy() - expected).max() < 1e-5


def test_a_target_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(RecoverError) as caught:
        export_person_body(Body.load(), tmp_path / "file" / "body.npz", {0: np.zeros(10)})
    assert caught.value.code == ErrorCode.BAD_OUTPUT


def test_no_half_file_is_left(tmp_path: Path) -> None:
    target = tmp_path / "body.npz"
    target.mkdir()  # a folder where the file should go
    with pytest.raises(RecoverError):
        export_person_body(Body.load(), target, {0: np.zeros(10)})
    assert [path.name for path in tmp_path.iterdir()] == ["body.npz"]
