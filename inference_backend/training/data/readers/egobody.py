"""EgoBody (Zhang et al., ECCV 2022): its Kinects' pictures with SMPL-X fits of male and female bodies.

The layout is its authors' (see `evaluation.datasets.egobody`); the fits are in the master camera's frame.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import roma
import torch
from numpy.typing import NDArray

from ....body.body import Body
from ....evaluation.datasets.sequence import five_coefficients, pictures, require
from ....evaluation.datasets.smplx_results import read_parameters
from .clip import BodyClip, PictureClip, bad

VIEWS: Final = {"master": None, "sub_1": 11, "sub_2": 13, "sub_3": 14, "sub_4": 15}
_SIZE_WH: Final = (1920, 1080)
_MARGIN: Final = 1.2


def read_egobody(root: Path, bodies: dict[str, Body], split: str = "train") -> Iterator[PictureClip]:
    """Each person of each recording in each view.

    Args:
        root: the data set.
        bodies: SMPL-X by gender; boxes are put around their joints.
        split: `train`, `val` or `test`.

    Raises:
        RecoverError: BAD_INPUT, a part is missing or not what it should be.
    """
    info = {row["recording_name"]: row for row in _rows(require(root / "data_info_release.csv", "the recordings"))}
    for row in _rows(require(root / "data_splits.csv", "the splits")):
        name = row.get(split) or ""
        for person in (0, 1) if name in info else ():
            fits = _fits(root, name, person)
            if fits is not None:
                yield from _views(root, info[name], person, fits, bodies)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def _fits(root: Path, recording: str, person: int) -> Path | None:
    for folder in sorted(root.glob("smplx_*")):
        found = folder / recording / f"body_idx_{person}" / "results"
        if found.is_dir():
            return found
    return None


def _transform(path: Path) -> NDArray[np.float64]:
    return np.asarray(json.loads(require(path, "a calibration").read_text(encoding="utf-8"))["trans"], np.float64)


def _views(root: Path, info: dict[str, str], person: int, fits: Path, bodies: dict[str, Body]) -> Iterator[PictureClip]:
    recording = info["recording_name"]
    first, last = int(info["start_frame"]), int(info["end_frame"])
    for view, kinect in VIEWS.items():
        folder = root / "kinect_color" / recording / view
        if not folder.is_dir():
            continue
        shown = {int(file.stem.rsplit("_", 1)[1]): file for file in pictures(folder)}
        numbers = [n for n in sorted(shown) if first <= n <= last]
        numbers = [n for n in numbers if (fits / f"frame_{n:05d}" / "000.pkl").exists()]
        to_view = np.eye(4)
        if kinect is not None:
            calibration = root / "calibrations" / recording / "cal_trans" / f"kinect_{kinect}to12_color.json"
            to_view = np.linalg.inv(_transform(calibration))
        color = require(root / "kinect_cam_params" / f"kinect_{view}" / "Color.json", "the camera's intrinsics")
        intrinsics = json.loads(color.read_text(encoding="utf-8"))
        K = np.asarray(intrinsics["camera_mtx"], np.float64)
        dist = five_coefficients(intrinsics["k"], K, _SIZE_WH)
        for run in np.split(np.array(numbers, int), np.flatnonzero(np.diff(numbers) != 1) + 1):
            if len(run) == 0:
                continue
            parameters, gender = read_parameters([fits / f"frame_{n:05d}" / "000.pkl" for n in run])
            gender = gender or info[f"body_idx_{person}"].split()[-1]
            if gender not in bodies:
                raise bad(fits, f'is of a {gender} body, and there is no body file "{gender}"')
            name = f"{recording} {view} {person}"
            body, joints = _moved(name, parameters, gender, bodies[gender], to_view)
            seen = joints @ K.T
            seen = seen[..., :2] / seen[..., 2:]
            low, high = seen.min(1), seen.max(1)
            yield PictureClip(
                body,
                tuple(shown[n] for n in run),
                ((low + high) / 2).astype(np.float32),
                ((high - low).max(1) / 200 * _MARGIN).astype(np.float32),
                np.broadcast_to(K, (len(run), 3, 3)).astype(np.float32),
                dist.astype(np.float32),
            )


def _moved(
    name: str, parameters: dict[str, NDArray], gender: str, body: Body, to_view: NDArray
) -> tuple[BodyClip, NDArray[np.float64]]:
    """Parameters in another camera's frame, and the joints there; the shape is the median of all frames'."""
    R, t = torch.from_numpy(to_view[:3, :3]), torch.from_numpy(to_view[:3, 3])
    betas = torch.from_numpy(np.median(parameters["betas"][:, :10], 0))
    root = R @ roma.rotvec_to_rotmat(torch.from_numpy(parameters["global_orient"]))
    pose = torch.from_numpy(parameters["body_pose"]).reshape(-1, 21, 3)
    pelvis = body.rest_joints(betas.to(body.v_template))[0].double()
    transl = (torch.from_numpy(parameters["transl"]) + pelvis) @ R.T + t - pelvis
    exact = [x.to(body.v_template) for x in (betas, root, roma.rotvec_to_rotmat(pose), transl)]
    joints, _ = body.skeleton(*exact)
    poses = torch.cat((roma.rotmat_to_rotvec(root)[:, None], pose), 1).float().numpy()
    clip = BodyClip(name, poses, transl.float().numpy(), betas.float().numpy(), gender)
    return clip, joints.double().numpy()
