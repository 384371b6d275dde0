"""Tiny data sets in the layouts of their authors, all made here, and a tiny network."""

import csv
import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from inference_backend.body.body import Body
from inference_backend.body.open_body import OPEN_BODY
from inference_backend.models.moro.config import BackboneConfig, MoroConfig, TokenizerConfig
from inference_backend.models.moro.tokenizer.build_connections import build_connections
from inference_backend.models.moro.tokenizer.connections import connections_to_tables
from inference_backend.training.research.bodies import Bodies

SIZE = (160, 120)
K = np.array([[150.0, 0, 80], [0, 150, 60], [0, 0, 1]])
SCENES = ("20221010_3_batch01_static_6fps", "20221010_4_zoom_suburb_d_6fps", "20221011_1_closeup_suburb_a_6fps",
          "20221012_static-gym-hair_6fps")  # fmt: skip


def motion(rng, frames, towards_camera=False):
    """Rotation vectors `[T,22,3]` and transl `[T,3]` of somebody who moves slowly."""
    pose = 0.1 * rng.normal(size=(22, 3)) + 0.02 * np.cumsum(rng.normal(size=(frames, 22, 3)), 0)
    transl = 0.02 * np.cumsum(rng.normal(size=(frames, 3)), 0)
    if towards_camera:
        pose[:, 0] = (np.pi, 0, 0) + 0.05 * rng.normal(size=(frames, 3))
        transl += (0.0, 0.35, 3.5)
    return pose, transl


def picture(path, rng, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(blocks, size, interpolation=cv2.INTER_NEAREST))


@pytest.fixture(scope="session")
def amass(tmp_path_factory) -> Path:
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("AMASS ä")
    for folder in ("CMU", "BMLrub", "TCDHands"):
        pose, transl = motion(rng, 40)
        rows = np.concatenate(
            (pose[:, 0], transl, np.tile(rng.normal(size=10), (40, 1)), pose[:, 1:].reshape(40, -1)), 1
        )
        (root / folder / "01").mkdir(parents=True)
        np.save(root / folder / "01" / "walk.npy", rows.astype(np.float32))
    pose, transl = motion(rng, 121)
    (root / "MPI_HDM05" / "bk").mkdir(parents=True)
    np.savez(
        root / "MPI_HDM05" / "bk" / "run_stageii.npz",
        root_orient=pose[:, 0], pose_body=pose[:, 1:].reshape(121, -1), trans=transl, betas=rng.normal(size=16),
        gender=np.array("neutral"), mocap_frame_rate=np.array(120.0),
    )  # fmt: skip
    return root


@pytest.fixture(scope="session")
def bedlam(tmp_path_factory) -> tuple[Path, Path]:
    rng, root = np.random.default_rng(1), tmp_path_factory.mktemp("BEDLAM")
    (root / "annotations").mkdir()
    for scene in SCENES:
        rows = []
        for person in range(2):
            pose, transl = motion(rng, 12, towards_camera=True)
            rows += [(f"seq_000000/seq_000000_{5 * i:04d}.png", f"rp_{person}", pose[i], transl[i]) for i in range(12)]
        order = rng.permutation(len(rows))
        names, people, poses, transl = zip(*(rows[i] for i in order), strict=True)
        n = len(rows)
        extrinsic = np.tile(np.eye(4), (n, 1, 1))
        extrinsic[:, :3, 3] = (0.1, -0.2, 0.3)
        np.savez(
            root / "annotations" / f"{scene}.npz",
            imgname=np.array(names), sub=np.array(people), center=np.tile((80.0, 60.0), (n, 1)), scale=np.full(n, 0.5),
            pose_cam=np.concatenate((np.reshape(poses, (n, 66)), np.zeros((n, 99))), 1),
            trans_cam=np.array(transl) - (0.1, -0.2, 0.3), shape=np.tile(rng.normal(size=11), (n, 1)),
            cam_int=np.tile(K, (n, 1, 1)), cam_ext=extrinsic,
        )  # fmt: skip
        size = SIZE[::-1] if "closeup" in scene else SIZE
        for name in sorted(set(names)):
            picture(root / "images" / scene.removesuffix("_6fps") / "png" / name, rng, size)
    return root / "annotations", root / "images"


@pytest.fixture(scope="session")
def egobody(tmp_path_factory) -> Path:
    rng, root = np.random.default_rng(2), tmp_path_factory.mktemp("EgoBody")
    name, size = "recording_1", (1920, 1080)
    color = {"camera_mtx": [[900.0, 0, 960], [0, 900, 540], [0, 0, 1]], "k": [0.02, -0.01, 0.001, 0.0, 0.0, 0, 0, 0]}
    for view in ("master", "sub_1"):
        (root / "kinect_cam_params" / f"kinect_{view}").mkdir(parents=True)
        (root / "kinect_cam_params" / f"kinect_{view}" / "Color.json").write_text(json.dumps(color))
        for i in range(8):
            picture(root / "kinect_color" / name / view / f"frame_{i:05d}.jpg", rng, (size[0], size[1]))
    aside = np.eye(4)
    aside[:3, 3] = (0.2, 0.0, -0.1)
    (root / "calibrations" / name / "cal_trans").mkdir(parents=True)
    path = root / "calibrations" / name / "cal_trans" / "kinect_11to12_color.json"
    path.write_text(json.dumps({"trans": aside.tolist()}))
    for file, rows in (
        ("data_splits.csv", [["train", "val", "test"], [name, "", ""]]),
        (
            "data_info_release.csv",
            [["recording_name", "body_idx_0", "body_idx_1", "start_frame", "end_frame", "scene_name"],
             [name, "0 male", "1 female", "1", "7", "room"]],
        ),
    ):  # fmt: skip
        with (root / file).open("w", newline="") as sheet:
            csv.writer(sheet).writerows(rows)
    for person, (role, gender) in enumerate((("camera_wearer", "male"), ("interactee", "female"))):
        pose, transl = motion(rng, 8, towards_camera=True)
        betas = rng.normal(size=(1, 10))
        for i in range(8):
            folder = root / f"smplx_{role}_train" / name / f"body_idx_{person}" / "results" / f"frame_{i:05d}"
            folder.mkdir(parents=True)
            fit = {
                "betas": betas, "global_orient": pose[i, :1], "body_pose": pose[i, 1:].reshape(1, 63),
                "transl": transl[i : i + 1], "gender": gender,
            }  # fmt: skip
            (folder / "000.pkl").write_bytes(pickle.dumps(fit))
    return root


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> tuple[Path, Path]:
    rng, root = np.random.default_rng(3), tmp_path_factory.mktemp("COCO")
    names = [f"{i:012d}.jpg" for i in range(10)]
    for name in names:
        picture(root / "pictures" / name, rng)
    keypoints = np.concatenate((rng.uniform(20, 100, (10, 44, 2)), rng.integers(0, 2, (10, 44, 1))), 2)
    np.savez(
        root / "coco.npz",
        imgname=np.array(names), center=np.tile((80.0, 60.0), (10, 1)), scale=np.full(10, 0.5),
        pose=0.2 * rng.normal(size=(10, 66)), shape=rng.normal(size=(10, 10)), gtkps=keypoints,
    )  # fmt: skip
    return root / "coco.npz", root / "pictures"


@pytest.fixture(scope="session")
def connections():
    body = Body.load(None)
    return build_connections(body.v_template.numpy(), body.faces.numpy(), (300, 80, 20))


@pytest.fixture(scope="session")
def bodies(connections) -> Bodies:
    return Bodies(
        {gender: Body.load(None) for gender in ("neutral", "male", "female")},
        connections.vertex_ids,
        torch.device("cpu"),
    )


@pytest.fixture(scope="session")
def config(connections) -> MoroConfig:
    return MoroConfig(
        name="small",
        body_name="SMPLX_OPEN",
        tokenizer=TokenizerConfig(connections.points, (3, 8, 16, 6), connections.slots, codes=32, bases=4),
        backbone=BackboneConfig(crop=32, cut=4, patch=8, padding=1, grid=(4, 3), width=24, depth=1, heads=2),
        evidence_tokens=12,
        evidence_channels=24,
        width=32,
        heads=4,
        motion_depth=1,
        image_depth=1,
        decoder_depth=1,
        smoother_width=8,
    )


@pytest.fixture(scope="session")
def body_folder(tmp_path_factory) -> Path:
    """The open body in the place of the user's SMPL-X files."""
    folder = tmp_path_factory.mktemp("body models")
    for gender in ("NEUTRAL", "MALE", "FEMALE"):
        shutil.copy(OPEN_BODY, folder / f"SMPLX_{gender}.npz")
    return folder


@pytest.fixture(scope="session")
def connection_file(tmp_path_factory, connections) -> Path:
    path = tmp_path_factory.mktemp("tables") / "connections.npz"
    np.savez(path, **connections_to_tables(connections))
    return path
