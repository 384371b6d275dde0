import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_backend.evaluation.datasets.pickled_arrays import load_pickled
from inference_backend.evaluation.datasets.registry import DATASETS, read_dataset
from inference_backend.evaluation.datasets.sequence import SMPL_JOINTS, five_coefficients, move
from inference_backend.evaluation.datasets.smpl import BodyModels
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.protocol.skeleton import BODY_JOINTS


def read(name: str, root: Path, models: Path | None = None, split: str | None = None, only: tuple[str, ...] = ()):
    return list(read_dataset(name, root, split, BodyModels(models), frozenset(only)))


def test_smpl_of_the_authors_file_is_posed(body_models: Path):
    models = BodyModels(body_models)
    from_pickle, from_arrays = models.smpl("m"), models.smpl("female")
    rng = np.random.default_rng(0)
    betas, poses, transl = rng.normal(size=10), 0.4 * rng.normal(size=(3, 72)), rng.normal(size=(3, 3))
    posed = from_pickle.pose(betas, poses, transl)
    np.testing.assert_allclose(posed.vertices, from_arrays.pose(betas, poses, transl).vertices)
    # At rest the mesh is the shaped template; a turn of the root alone turns it about the pelvis.
    rest = from_pickle.pose(betas, np.zeros((1, 72)), np.zeros((1, 3)))
    shaped = (from_pickle.template + from_pickle.shapedirs @ betas).numpy()
    np.testing.assert_allclose(rest.vertices[0], shaped, atol=1e-12)
    np.testing.assert_allclose(rest.joints[0], from_pickle.regressor.numpy() @ shaped, atol=1e-12)
    turned = np.zeros((1, 72))
    turned[0, 1] = np.pi / 2
    pelvis = rest.joints[0, 0]
    R = cv2.Rodrigues(np.array([0, np.pi / 2, 0]))[0]
    expected = (shaped - pelvis) @ R.T + pelvis
    np.testing.assert_allclose(from_pickle.pose(betas, turned, np.zeros((1, 3))).vertices[0], expected, atol=1e-12)


def test_emdb(emdb: Path, body_models: Path):
    (sequence,) = read("emdb", emdb, body_models)
    assert sequence.name == "P0_09_outdoor_walk"
    assert sequence.joint_names == SMPL_JOINTS
    assert not sequence.still
    assert np.isnan(sequence.joints_camera[2]).all()
    assert np.isfinite(sequence.joints_camera[[0, 1, 3]]).all()
    extrinsics = load_pickled(next(emdb.glob("P0/*/*.pkl")))["camera"]["extrinsics"]
    back = move(sequence.joints_world, extrinsics[:, :3, :3], extrinsics[:, :3, 3])
    np.testing.assert_allclose(back, sequence.joints_camera)
    assert sequence.vertices_camera.shape == (4, 60, 3)
    assert read("emdb", emdb, body_models, split="emdb2") == []


def test_3dpw_has_each_person_by_themselves(threedpw: Path, body_models: Path):
    first, second = read("3dpw", threedpw, body_models)
    assert (first.name, second.name) == ("downtown_walk_00_0", "downtown_walk_00_1")
    assert np.isnan(first.joints_camera[3]).all()
    assert np.isfinite(second.joints_camera).all()
    assert first.vertices_camera.shape == (4, 60, 3)
    assert read("3dpw", threedpw)[0].vertices_camera is None
    data = load_pickled(next(threedpw.glob("sequenceFiles/*/*.pkl")))
    np.testing.assert_allclose(second.joints_world.reshape(4, 72), data["jointPositions"][1])


def test_3dpw_occ_wants_the_list(threedpw: Path):
    with pytest.raises(RecoverError, match="list") as told:
        read("3dpw-occ", threedpw)
    assert told.value.code == ErrorCode.BAD_SETTING
    assert len(read("3dpw-occ", threedpw, only=("downtown_walk_00",))) == 2
    assert len(read("3dpw-occ", threedpw, only=("downtown_walk_00_1",))) == 1
    assert read("3dpw-occ", threedpw, only=("another_00",)) == []


def test_3doh_is_in_metres(threedoh: Path):
    (sequence,) = read("3doh", threedoh)
    np.testing.assert_allclose(sequence.joints_camera[0], np.load(threedoh / "truth.npy"))
    assert sequence.video.name == "00001.jpg"


def test_egobody_master_view(egobody: Path, body_models: Path):
    (body_models / "smpl" / "SMPL_MALE.pkl").unlink()
    (body_models / "smpl" / "SMPL_FEMALE.npz").unlink()
    first, second = read("egobody", egobody, body_models)
    assert first.joint_names == BODY_JOINTS
    assert first.positions.tolist() == [1, 2, 3]  # of the pictures 10 to 13, start_frame is 11
    assert first.joints_camera.shape == second.joints_camera.shape == (3, 22, 3)
    assert not np.allclose(first.joints_camera, second.joints_camera)


def test_egobody_occ_is_seen_by_the_camera_of_the_list(egobody: Path, body_models: Path):
    for file in (body_models / "smpl").iterdir():
        file.unlink()
    (clip,) = read("egobody-occ", egobody, body_models)
    master = read("egobody", egobody, body_models)[1]
    name = "recording_20210907_S02_S01_01"
    path = egobody / "calibrations" / name / "cal_trans" / "kinect_11to12_color.json"
    to_master = np.array(json.loads(path.read_text())["trans"])
    back = move(clip.joints_camera, to_master[:3, :3], to_master[:3, 3])
    np.testing.assert_allclose(back, master.joints_camera[:2], atol=1e-9)
    np.testing.assert_allclose(clip.joints_world, master.joints_world[:2], atol=1e-9)
    assert clip.visible.sum() == 2 * 22 - 1
    assert not clip.visible[0, 5]


def test_a_kinects_lens_becomes_five_coefficients(egobody: Path):
    color = json.loads((egobody / "kinect_cam_params" / "kinect_master" / "Color.json").read_text())
    K, full = np.array(color["camera_mtx"]), np.array(color["k"])
    five = five_coefficients(full, K, (1920, 1080))
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(-0.9, 0.9, (200, 1)), rng.uniform(-0.5, 0.5, (200, 1)), np.ones((200, 1))], 1)
    zero = np.zeros(3)
    exact, near = (cv2.projectPoints(points, zero, zero, K, dist)[0] for dist in (full, five))
    assert np.abs(exact - near).max() < 1.0
    with pytest.raises(ValueError, match="five"):
        five_coefficients([0.2, 0, 0, 0, 0, -0.5, 3.0, -4.0], K, (1920, 1080))


def test_rich(rich: Path, body_models: Path):
    (sequence,) = read("rich", rich, body_models)
    assert sequence.name == "Gym_011_cooking1_cam_03_011"
    assert sequence.positions.tolist() == [0, 2, 3]  # picture 3 has no body
    np.testing.assert_allclose(sequence.dist, [0.1, -0.05, 0, 0, 0])
    assert np.linalg.norm(sequence.joints_camera - sequence.joints_world, axis=-1).mean() > 1


def test_prox_has_no_reference(prox: Path):
    (sequence,) = read("prox", prox)
    assert np.isnan(sequence.joints_camera).all()
    assert len(sequence.positions) == 4


def test_human36m(tmp_path: Path):
    write = pytest.importorskip("cdflib.cdfwrite", reason="cdflib, which reads Human3.6M's files, is not installed")
    folder = tmp_path / "S9" / "MyPoseFeatures" / "D3_Positions_mono"
    folder.mkdir(parents=True)
    (tmp_path / "S9" / "Videos").mkdir()
    pose = 1000 * np.random.default_rng(6).normal(size=(1, 5, 96)).astype(np.float32)
    for camera in ("54138969", "60457274"):
        (tmp_path / "S9" / "Videos" / f"Directions 1.{camera}.mp4").write_bytes(b"-")
        with write.CDF(folder / f"Directions 1.{camera}.cdf") as file:
            spec = {"Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": [5, 96]}
            file.write_var(spec, var_data=pose)
    both, frontal = read("human36m", tmp_path), read("human36m", tmp_path, split="protocol2")
    assert len(both) == 2
    assert [s.name for s in frontal] == ["S9_Directions 1.60457274"]
    np.testing.assert_allclose(frontal[0].joints_camera[:, 0], pose[0, :, :3] / 1000, rtol=1e-6)
    left_wrist = frontal[0].joint_names.index("left_wrist")
    np.testing.assert_allclose(frontal[0].joints_camera[:, left_wrist], pose[0, :, 57:60] / 1000, rtol=1e-6)


@pytest.mark.parametrize("name", DATASETS)
def test_an_empty_folder_is_told_in_a_sentence(name: str, tmp_path: Path):
    with pytest.raises(RecoverError) as told:
        read(name, tmp_path, only=("any",))
    assert told.value.code == ErrorCode.BAD_INPUT
    assert str(tmp_path) in told.value.sentence


def test_an_unknown_split_and_a_missing_body_are_told(emdb: Path):
    with pytest.raises(RecoverError, match="emdb3"):
        read("emdb", emdb, split="emdb3")
    with pytest.raises(RecoverError, match="SMPL_MALE") as told:
        read("emdb", emdb)
    assert told.value.code == ErrorCode.MISSING_PART


def test_a_file_of_another_layout_is_told(emdb: Path, body_models: Path):
    path = next(emdb.glob("P0/*/*.pkl"))
    path.write_bytes(pickle.dumps({"emdb1": True}))
    with pytest.raises(RecoverError, match="n_frames"):
        read("emdb", emdb, body_models)
    path.write_bytes(b"\x80\x04nothing")
    with pytest.raises(RecoverError, match="damaged"):
        read("emdb", emdb, body_models)


def test_nothing_in_a_pickle_is_run(tmp_path: Path):
    class Hostile:
        def __reduce__(self):
            return Path.write_text, (tmp_path / "harm", "done")

    path = tmp_path / "hostile.pkl"
    path.write_bytes(pickle.dumps({"emdb1": Hostile(), "n": np.arange(3)}))
    assert load_pickled(path)["n"].tolist() == [0, 1, 2]
    assert not (tmp_path / "harm").exists()
