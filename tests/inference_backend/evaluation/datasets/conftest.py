"""Tiny data sets, written in the layouts of their authors."""

import json
import pickle
import shutil
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.sparse import csc_matrix

from inference_backend.body.open_body import OPEN_BODY

FRAMES = 4
VERTICES = 60
K = np.array([[900.0, 0, 320], [0, 900, 240], [0, 0, 1]])


def pictures(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((8, 12, 3), np.uint8))


def dump(path: Path, value: object, protocol: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol))


def camera_pose(angle: float) -> np.ndarray:
    """World to camera, 4 x 4: a turn about y, three metres away."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s, 0], [0, -1, 0, 1.0], [s, 0, -c, 3.0], [0, 0, 0, 1]])


def smpl_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """A body of 60 vertices in SMPL's layout: 24 joints, each the mean of two vertices."""
    rng = np.random.default_rng(seed)
    regressor = np.zeros((24, VERTICES))
    regressor[np.arange(24), 2 * np.arange(24)] = regressor[np.arange(24), 2 * np.arange(24) + 1] = 0.5
    weights = rng.random((VERTICES, 24))
    return {
        "v_template": rng.normal(size=(VERTICES, 3)),
        "shapedirs": 0.01 * rng.normal(size=(VERTICES, 3, 10)),
        "posedirs": 0.01 * rng.normal(size=(VERTICES, 3, 207)),
        "J_regressor": regressor,
        "weights": weights / weights.sum(axis=1, keepdims=True),
    }


@pytest.fixture
def body_models(tmp_path: Path, monkeypatch) -> Path:
    """`smpl/SMPL_MALE.pkl` as SMPL's authors write it (chumpy, sparse matrix), and `smplx/SMPLX_MALE.npz`."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    arrays = smpl_arrays()
    folder = tmp_path / "body models"
    stored = {**arrays, "shapedirs": Ch(arrays["shapedirs"]), "J_regressor": csc_matrix(arrays["J_regressor"])}
    dump(folder / "smpl" / "SMPL_MALE.pkl", stored)
    np.savez(folder / "smpl" / "SMPL_FEMALE.npz", **arrays)
    (folder / "smplx").mkdir()
    shutil.copy(OPEN_BODY, folder / "smplx" / "SMPLX_MALE.npz")
    return folder


@pytest.fixture
def emdb(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    root = tmp_path / "EMDB"
    sequence = root / "P0" / "09_outdoor_walk"
    pictures(sequence / "images", [f"{i:05d}.jpg" for i in range(FRAMES)])
    dump(
        sequence / "P0_09_outdoor_walk_data.pkl",
        {
            "gender": "male", "name": "P0_09_outdoor_walk", "emdb1": True, "emdb2": np.bool_(False),
            "n_frames": FRAMES, "good_frames_mask": np.array([True, True, False, True]),
            "camera": {
                "intrinsics": K, "extrinsics": np.stack([camera_pose(0.1 * i) for i in range(FRAMES)]),
                "width": 640, "height": 480,
            },
            "smpl": {
                "poses_root": rng.normal(size=(FRAMES, 3)), "poses_body": 0.3 * rng.normal(size=(FRAMES, 69)),
                "trans": rng.normal(size=(FRAMES, 3)), "betas": rng.normal(size=10),
            },
            "kp2d": np.zeros((FRAMES, 24, 2)),
            "bboxes": {"bboxes": np.zeros((FRAMES, 4)), "invalid_idxs": np.array([2])},
        },
        protocol=4,
    )  # fmt: skip
    return root


@pytest.fixture
def threedpw(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    root = tmp_path / "3DPW"
    pictures(root / "imageFiles" / "downtown_walk_00", [f"image_{i:05d}.jpg" for i in range(FRAMES)])
    two = [rng.normal(size=(FRAMES, 72)) for _ in range(2)]
    dump(
        root / "sequenceFiles" / "test" / "downtown_walk_00.pkl",
        {
            "sequence": "downtown_walk_00", "genders": ["m", "f"], "img_frame_ids": np.arange(FRAMES),
            "betas": [rng.normal(size=10) for _ in two], "poses": two,
            "trans": [rng.normal(size=(FRAMES, 3)) for _ in two], "jointPositions": [pose + 0.5 for pose in two],
            "campose_valid": [np.array([1, 1, 1, 0]), np.ones(FRAMES, int)], "cam_intrinsics": K,
            "cam_poses": np.stack([camera_pose(0.2 * i) for i in range(FRAMES)]),
        },
    )  # fmt: skip
    return root


@pytest.fixture
def threedoh(tmp_path: Path) -> Path:
    root = tmp_path / "3DOH50K"
    pictures(root / "testset" / "images", ["00001.jpg"])
    joints = np.random.default_rng(3).normal(size=(24, 3))
    entry = {
        "img_path": "images\\00001.jpg", "scale": [7.0], "smpl_joints_3d": (7 * joints).tolist(), "intri": K.tolist(),
        "extri": np.eye(4).tolist(), "pose": [[0.0] * 72], "betas": [[0.0] * 10], "trans": [[0.0] * 3],
    }  # fmt: skip
    (root / "testset" / "annots.json").write_text(json.dumps({"00001": entry}))
    np.save(root / "truth.npy", joints)
    return root


def smplx_frame(rng: np.random.Generator, gender: str) -> dict[str, object]:
    sizes = {"betas": 10, "global_orient": 3, "body_pose": 63, "transl": 3, "left_hand_pose": 12}
    return {key: rng.normal(size=(1, n)).astype(np.float32) for key, n in sizes.items()} | {"gender": gender}


@pytest.fixture
def egobody(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    root, name = tmp_path / "EgoBody", "recording_20210907_S02_S01_01"
    (root / "kinect_cam_params" / "kinect_master").mkdir(parents=True)
    (root / "kinect_cam_params" / "kinect_sub_1").mkdir(parents=True)
    color = {"camera_mtx": [[918.2, 0, 958.5], [0, 918.2, 551.1], [0, 0, 1]], "k": [0.12, -0.08, 0.001, -0.0002, 0.03,
             0.05, -0.02, 0.004]}  # fmt: skip
    for view in ("master", "sub_1"):
        (root / "kinect_cam_params" / f"kinect_{view}" / "Color.json").write_text(json.dumps(color))
        pictures(root / "kinect_color" / name / view, [f"frame_{i:05d}.jpg" for i in range(10, 10 + FRAMES)])
    transforms = root / "calibrations" / name / "cal_trans"
    (transforms / "kinect12_to_world").mkdir(parents=True)
    (transforms / "kinect12_to_world" / "seminar.json").write_text(json.dumps({"trans": camera_pose(0.5).tolist()}))
    (transforms / "kinect_11to12_color.json").write_text(json.dumps({"trans": camera_pose(1.0).tolist()}))
    (root / "data_splits.csv").write_text(f"train,val,test\nother,,{name}\n")
    (root / "data_info_release.csv").write_text(
        "recording_name,body_idx_0,body_idx_1,body_idx_fpv,start_frame,end_frame,scene_name\n"
        f"{name},0 male,1 male,1 male,11,13,seminar\n"
    )
    (root / "egobody_occ.csv").write_text(
        f"recording_name,view,body_idx,target_start_frame,target_end_frame\n{name},sub_1,1,11,12\n"
    )
    for person, role in enumerate(("camera_wearer", "interactee")):
        folder = root / f"smplx_{role}_test" / name / f"body_idx_{person}" / "results"
        for i in range(10, 10 + FRAMES):
            dump(folder / f"frame_{i:05d}" / "000.pkl", smplx_frame(rng, "male"))
    seen = np.ones((2, 24))
    seen[0, 5] = 0
    (root / "mask_joint" / name / "sub_1").mkdir(parents=True)
    np.save(root / "mask_joint" / name / "sub_1" / "mask_joint.npy", seen)
    return root


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    root, name = tmp_path / "RICH", "Gym_011_cooking1"
    pictures(root / "images" / "test" / name / "cam_03", [f"{i:05d}_03.png" for i in range(2, 2 + FRAMES)])
    for i in range(2, 2 + FRAMES):
        if i != 3:
            dump(root / "bodies" / "test" / name / f"{i:05d}" / "011.pkl", smplx_frame(rng, "") | {"gender": "male"})
    (root / "resource").mkdir()
    (root / "resource" / "gender.json").write_text(json.dumps({"11": "male"}))
    calibration = root / "scan_calibration" / "Gym" / "calibration"
    calibration.mkdir(parents=True)

    def block(tag: str, values: np.ndarray) -> str:
        return f"<{tag} type_id='opencv-matrix'><data>{' '.join(map(str, values.ravel()))}</data></{tag}>"

    body = block("CameraMatrix", camera_pose(0.3)[:3]) + block("Intrinsics", K)
    (calibration / "003.xml").write_text(
        f"<opencv_storage>{body}{block('Distortion', np.array([0.1, -0.05, 0, 0]))}</opencv_storage>"
    )
    return root


@pytest.fixture
def prox(tmp_path: Path) -> Path:
    root = tmp_path / "PROX"
    pictures(root / "recordings" / "N0Sofa_00034_01" / "Color", [f"s001_frame_{i:05d}.jpg" for i in range(FRAMES)])
    (root / "calibration").mkdir()
    (root / "calibration" / "Color.json").write_text(json.dumps({"camera_mtx": K.tolist(), "k": [0.1, 0.02, 0, 0, 0]}))
    return root
