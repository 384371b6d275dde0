"""RICH (Huang et al., CVPR 2022): still outdoor and indoor cameras, SMPL-X.

images/SPLIT/SEQUENCE/cam_03/00017_03.png   (or .jpeg, .bmp)
bodies/SPLIT/SEQUENCE/00017/SUBJECT.pkl     scan_calibration/SCENE/calibration/003.xml
resource/gender.json                        (of the authors' toolkit: gender by subject)
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import numpy as np

from ...body.body import Body
from ...protocol.errors import ErrorCode, RecoverError
from ...protocol.skeleton import BODY_JOINTS
from .sequence import Array, ReferenceSequence, five_coefficients, missing, move, pictures, require
from .smpl import BodyModels
from .smplx_results import pose_smplx, read_parameters

FPS: Final = 30.0
SPLITS: Final = ("test", "val", "train")


def read(root: Path, split: str, models: BodyModels) -> Iterator[ReferenceSequence]:
    """Every person of every sequence, once for each camera.

    Raises:
        RecoverError: BAD_INPUT, MISSING_PART (a body model).
    """
    genders = json.loads(require(root / "resource" / "gender.json", "the subjects' genders").read_text("utf-8"))
    sequences = sorted(path for path in (root / "images" / split).glob("*") if path.is_dir())
    if not sequences:
        raise missing(root / "images" / split, "a folder for each sequence")
    for sequence in sequences:
        scene = sequence.name.split("_")[0]
        bodies = require(root / "bodies" / split / sequence.name, "the bodies of the sequence")
        for subject in sorted({file.stem for file in bodies.glob("*/*.pkl")}):
            files = sorted(bodies.glob(f"*/{subject}.pkl"))
            parameters, _ = read_parameters(files)
            body = Body.load(models.smplx(genders[str(int(subject))])).double()
            joints = pose_smplx(body, parameters)
            numbers = [int(file.parent.name) for file in files]
            for camera in sorted(sequence.glob("cam_*")):
                number = int(camera.name.removeprefix("cam_"))
                calibration = root / "scan_calibration" / scene / "calibration" / f"{number:03d}.xml"
                yield _view(f"{sequence.name}_{camera.name}_{subject}", camera, calibration, numbers, joints)


def _view(name: str, folder: Path, calibration: Path, numbers: list[int], joints: Array) -> ReferenceSequence:
    files = pictures(folder)
    position = {int(file.stem.split("_")[0]): i for i, file in enumerate(files)}
    rows = [row for row, n in enumerate(numbers) if n in position]
    world_to_camera, K, coefficients = _calibration(require(calibration, "a camera's calibration"))
    size_wh = (round(2 * K[0, 2]), round(2 * K[1, 2]))
    return ReferenceSequence(
        name=name,
        video=folder,
        fps=FPS,
        positions=np.array([position[numbers[row]] for row in rows], np.int64),
        K=K,
        dist=five_coefficients(coefficients, K, size_wh),
        joint_names=BODY_JOINTS,
        joints_camera=move(joints[rows], world_to_camera[:, :3], world_to_camera[:, 3]),
        joints_world=joints[rows],
    )


def _calibration(path: Path) -> tuple[Array, Array, Array]:
    """World to camera `[3,4]`, K `[3,3]` and distortion of a file in OpenCV's XML form."""
    tree = ElementTree.parse(path)
    values = []
    for tag in ("CameraMatrix", "Intrinsics", "Distortion"):
        text = tree.findtext(f"./{tag}/data")
        if text is None:
            raise RecoverError(
                ErrorCode.BAD_INPUT, f"{path} has no {tag}.", "Unpack the calibration of the data set again."
            )
        values.append(np.array(text.split(), np.float64))
    return values[0].reshape(3, 4), values[1].reshape(3, 3), values[2]
