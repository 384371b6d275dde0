"""EgoBody (Zhang et al., ECCV 2022), the Kinects' views, and EgoBody-Occ.

data_splits.csv   data_info_release.csv   kinect_cam_params/kinect_VIEW/Color.json
calibrations/RECORDING/cal_trans/{kinect12_to_world/SCENE.json, kinect_11to12_color.json, ...}
kinect_color/RECORDING/VIEW/frame_00001.jpg
smplx_{interactee,camera_wearer}_SPLIT/RECORDING/body_idx_N/results/frame_00001/000.pkl   (and smpl_...)
mask_joint/RECORDING/VIEW/mask_joint.npy   (EgoBody-Occ only: which joints are seen, [frames,22 or more])
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ...body.body import Body
from ...protocol.errors import ErrorCode, RecoverError
from ...protocol.skeleton import BODY_JOINTS
from .sequence import (
    SMPL_JOINTS,
    Array,
    ReferenceSequence,
    five_coefficients,
    missing,
    move,
    pictures,
    require,
    z_up_to_y_up,
)  # fmt: skip
from .smpl import BodyModels
from .smplx_results import pose_smpl, pose_smplx, read_parameters

FPS: Final = 30.0
SPLITS: Final = ("test", "val", "train")
_SIZE_WH: Final = (1920, 1080)
_KINECTS: Final = {"sub_1": 11, "sub_2": 13, "sub_3": 14, "sub_4": 15}
_ROLES: Final = ("interactee", "camera_wearer")


@dataclass(frozen=True)
class _Clip:
    recording: str
    view: str
    person: int
    first: int
    last: int


def read(root: Path, split: str, models: BodyModels) -> Iterator[ReferenceSequence]:
    """Every person of every recording of a split, as the master camera sees them.

    Raises:
        RecoverError: BAD_INPUT, MISSING_PART (a body model).
    """
    info = _recordings(root)
    for row in _rows(require(root / "data_splits.csv", "the splits")):
        name = row.get(split, "")
        for person in (0, 1) if name in info else ():
            its = info[name]
            clip = _Clip(name, "master", person, int(its["start_frame"]), int(its["end_frame"]))
            if (fits := _fits(root, clip, models)) is not None:
                yield _sequence(root, clip, its, fits, models)


def read_occluded(root: Path, split: str, models: BodyModels) -> Iterator[ReferenceSequence]:
    """EgoBody-Occ: the clips of the authors' list, `egobody_occ.csv` in the data set's folder.

    Its columns are `recording_name`, `target_start_frame`, `target_end_frame` (inclusive), `body_idx` (or
    `target_idx`), and `view` where it is not the master camera.

    Raises:
        RecoverError: BAD_INPUT, MISSING_PART (a body model).
    """
    path = require(root / "egobody_occ.csv", "the list of the occluded clips")
    info = _recordings(root)
    for row in _rows(path):
        try:
            person = int(row.get("body_idx") or row["target_idx"])
            frames = int(row["target_start_frame"]), int(row["target_end_frame"])
            clip = _Clip(row["recording_name"], row.get("view") or "master", person, *frames)
            its = info[clip.recording]
        except (KeyError, ValueError) as error:
            raise RecoverError(
                ErrorCode.BAD_INPUT,
                f"{path} has a row that does not name a clip ({error}).",
                "Use the list of the authors, with recording_name, target_start_frame, target_end_frame and body_idx.",
            ) from error
        fits = _fits(root, clip, models)
        if fits is None:
            raise missing(root / f"smpl[x]_..._{split}" / clip.recording, "the fits of the recording")
        yield _sequence(root, clip, its, fits, models)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def _recordings(root: Path) -> dict[str, dict[str, str]]:
    path = require(root / "data_info_release.csv", "what is known of the recordings")
    return {row["recording_name"]: row for row in _rows(path)}


def _fits(root: Path, clip: _Clip, models: BodyModels) -> Path | None:
    """The folder of a person's fits: SMPL's, which the papers score, where there is such a body model."""
    for family in ("smpl", "smplx") if models.has_smpl() else ("smplx",):
        for role in _ROLES:
            for folder in sorted(root.glob(f"{family}_{role}_*")):
                found = folder / clip.recording / f"body_idx_{clip.person}" / "results"
                if found.is_dir():
                    return found
    return None


def _transform(path: Path) -> Array:
    return np.asarray(json.loads(require(path, "a calibration").read_text(encoding="utf-8"))["trans"], np.float64)


def _sequence(root: Path, clip: _Clip, info: dict[str, str], fits: Path, models: BodyModels) -> ReferenceSequence:
    folder = require(root / "kinect_color" / clip.recording / clip.view, "the pictures of a camera")
    position = {int(file.stem.rsplit("_", 1)[1]): i for i, file in enumerate(pictures(folder))}
    numbers = [n for n in sorted(position) if clip.first <= n <= clip.last]
    files = [fits / f"frame_{n:05d}" / "000.pkl" for n in numbers]
    numbers = [n for n, file in zip(numbers, files, strict=True) if file.exists()]
    parameters, gender = read_parameters([file for file in files if file.exists()])
    gender = gender or info[f"body_idx_{clip.person}"].split()[-1]
    vertices = None
    if fits.parents[2].name.startswith("smplx"):
        names, joints = BODY_JOINTS, pose_smplx(Body.load(models.smplx(gender)).double(), parameters)
    else:
        names, (joints, vertices) = SMPL_JOINTS, pose_smpl(models.smpl(gender), parameters)

    calibration = root / "calibrations" / clip.recording / "cal_trans"
    to_world = _transform(calibration / "kinect12_to_world" / f"{info['scene_name']}.json")
    to_view = np.eye(4)
    if clip.view != "master":
        to_view = np.linalg.inv(_transform(calibration / f"kinect_{_KINECTS[clip.view]}to12_color.json"))
    color = require(root / "kinect_cam_params" / f"kinect_{clip.view}" / "Color.json", "the camera's intrinsics")
    intrinsics = json.loads(color.read_text(encoding="utf-8"))
    K = np.asarray(intrinsics["camera_mtx"], np.float64)
    seen = root / "mask_joint" / clip.recording / clip.view / "mask_joint.npy"
    visible = None
    if seen.exists():
        mask = np.load(seen, allow_pickle=False).astype(bool)
        rows = [n - clip.first for n in numbers]
        visible = np.ones((len(rows), len(names)), bool)
        visible[:, :22] = mask[rows, :22]
    return ReferenceSequence(
        name=f"{clip.recording}_{clip.view}_{clip.person}",
        video=folder,
        fps=FPS,
        positions=np.array([position[n] for n in numbers]),
        K=K,
        dist=five_coefficients(intrinsics["k"], K, _SIZE_WH),
        joint_names=names,
        joints_camera=move(joints, to_view[:3, :3], to_view[:3, 3]),
        joints_world=z_up_to_y_up(move(joints, to_world[:3, :3], to_world[:3, 3])),
        visible=visible,
        vertices_camera=None if vertices is None else move(vertices, to_view[:3, :3], to_view[:3, 3]),
    )
