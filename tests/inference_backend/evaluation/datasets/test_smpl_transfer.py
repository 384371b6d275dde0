import pickle
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation

from inference_backend.body.body import Body
from inference_backend.evaluation.datasets.sequence import SMPL_JOINTS, ReferenceSequence, move
from inference_backend.evaluation.datasets.smpl import BodyModels
from inference_backend.evaluation.protocols import Pair, evaluate
from inference_backend.evaluation.recovered import SMPL_SOLES, SmplTransfer, pair_of, soles_of
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.protocol.result_format import Motion, PersonResult, Result

T = 3


@pytest.fixture(scope="module")
def body() -> Body:
    return Body.load()


def person(rng: np.random.Generator, person_id: int, at: float) -> PersonResult:
    motion = Motion(
        global_orient=rng.normal(size=(T, 3)).astype(np.float32),
        body_pose=0.2 * rng.normal(size=(T, 21, 3)).astype(np.float32),
        transl=np.full((T, 3), at, np.float32),
        joints_world=rng.normal(size=(T, 22, 3)).astype(np.float32),
    )
    hands = np.zeros((T, 15, 3), np.float32)
    return PersonResult(
        person_id, 0.5 * rng.normal(size=10), np.array([True, True, False]), motion, motion, hands, hands,
        motion.joints_world, np.zeros((T, 4), bool), np.ones((T, 22)), np.zeros((T, 4)),
    )  # fmt: skip


def result(people: list[PersonResult]) -> Result:
    eye = np.tile(np.eye(3), (T, 1, 1))
    return Result(
        time_s=np.arange(T) / 30,
        frame_index=np.arange(T),
        fps=30.0,
        size_wh=(640, 480),
        shot_id=np.zeros(T, int),
        K=eye,
        dist=np.zeros(5),
        R_cam_to_world=eye,
        cam_pos_world=np.tile([0.0, 0.0, -4.0], (T, 1)),
        floor_y=0.0,
        body_name="SMPLX_OPEN",
        body_sha256="",
        estimator="kinematic",
        warnings=(),
        people=tuple(people),
    )


def matrix_file(folder: Path, rows: np.ndarray, vertices: int) -> Path:
    matrix = csc_matrix((np.ones(len(rows)), (np.arange(len(rows)), rows)), shape=(len(rows), 2 * vertices))
    path = folder / "smplx2smpl.pkl"
    path.write_bytes(pickle.dumps({"mtx": matrix, "matching": None}, 4))
    return path


def test_meshes_and_joints_are_those_of_smpl(body: Body, body_models: Path, tmp_path: Path):
    rng = np.random.default_rng(0)
    count = len(body.v_template)
    chosen = rng.integers(count, size=60)
    smpl = BodyModels(body_models).smpl("male")
    transfer = SmplTransfer(matrix_file(tmp_path, chosen, count), body, smpl)
    near, far = person(rng, 0, 0.0), person(rng, 1, 3.0)
    joints, vertices = transfer(near, np.array([1]))
    turned = {
        key: roma.rotvec_to_rotmat(torch.from_numpy(array[1:2]))
        for key, array in {
            "global_orient": near.motion.global_orient, "body_pose": near.motion.body_pose,
            "left_hand_pose": near.left_hand_pose, "right_hand_pose": near.right_hand_pose,
        }.items()
    }  # fmt: skip
    posed = body(betas=torch.from_numpy(near.betas).float(), transl=torch.zeros(1, 3), **turned)
    np.testing.assert_allclose(vertices[0], posed.vertices[0, chosen].numpy(), atol=1e-5)
    np.testing.assert_allclose(joints, smpl.regressor.numpy() @ vertices)

    all_joints, all_vertices = transfer(near, np.arange(T))
    forward = np.array([0.0, 0.0, 4.0])
    camera = all_joints + forward
    reference = ReferenceSequence(
        "clip", Path("none"), 30.0, np.arange(T), np.diag([500.0, 500, 1]), np.zeros(5), SMPL_JOINTS, camera, None,
        vertices_camera=all_vertices + forward,
    )  # fmt: skip
    pair = pair_of(result([far, near]), reference, transfer)
    assert pair.joint_names == SMPL_JOINTS
    assert np.isnan(pair.pred_camera[2]).all()
    scores = evaluate([pair], "moro")
    assert scores["GMPJPE"] == pytest.approx(0, abs=1e-3)
    assert scores["PVE"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("still", [True, False])
def test_sliding_is_measured_under_the_soles_of_smpl(still: bool):
    """A reference that stands before a camera that stands or walks: its soles do not move, those of a shift do."""
    rng = np.random.default_rng(1)
    joints, mesh = np.tile(rng.normal(size=(24, 3)), (5, 1, 1)), np.tile(rng.normal(size=(6890, 3)), (5, 1, 1))
    turns = Rotation.from_rotvec(np.zeros((5, 3)) if still else rng.normal(size=(5, 3))).as_matrix()
    places = np.zeros((5, 3)) if still else rng.normal(size=(5, 3))
    reference = ReferenceSequence(
        "clip", Path("none"), 30.0, np.arange(5), None, None, SMPL_JOINTS, move(joints, turns, places), joints,
        vertices_camera=move(mesh, turns, places), still=still,
    )  # fmt: skip
    soles = soles_of(reference)
    np.testing.assert_allclose(soles, mesh[:, list(SMPL_SOLES)], atol=1e-9)
    moved = soles + 0.004 * np.arange(5)[:, None, None] * [0, 0, 1]
    pair = Pair("clip", 30.0, SMPL_JOINTS, joints, joints, joints, joints, pred_feet=moved, ref_feet=soles)
    assert evaluate([pair], "moro")["Sliding"] == pytest.approx(4)


def test_a_matrix_of_another_mesh_is_told(body: Body, body_models: Path, tmp_path: Path):
    smpl = BodyModels(body_models).smpl("male")
    with pytest.raises(RecoverError, match="another mesh") as told:
        SmplTransfer(matrix_file(tmp_path, np.arange(60), 99), body, smpl)
    assert told.value.code == ErrorCode.WRONG_BODY
    with pytest.raises(RecoverError, match="no matrix"):
        SmplTransfer(matrix_file(tmp_path, np.arange(7), 99), body, smpl)
