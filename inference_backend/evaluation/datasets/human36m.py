"""Human3.6M (Ionescu et al., PAMI 2014): `S*/Videos/ACTION.CAMERA.mp4` and, in the camera's axes,
`S*/MyPoseFeatures/D3_Positions_mono/ACTION.CAMERA.cdf` (or `S*/Poses_D3_Positions_mono/...`). Needs `cdflib`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...protocol.errors import ErrorCode, RecoverError
from .sequence import ReferenceSequence, missing, require
from .smpl import BodyModels

FPS: Final = 50.0
SPLITS: Final = ("protocol1", "protocol2")
_SUBJECTS: Final = ("S9", "S11")
_FRONTAL: Final = "60457274"
_FOLDERS: Final = ("MyPoseFeatures/D3_Positions_mono", "Poses_D3_Positions_mono")
_COLUMNS: Final = {
    "pelvis": 0, "right_hip": 1, "right_knee": 2, "right_ankle": 3, "left_hip": 6, "left_knee": 7, "left_ankle": 8,
    "spine2": 12, "neck": 13, "left_shoulder": 17, "left_elbow": 18, "left_wrist": 19, "right_shoulder": 25,
    "right_elbow": 26, "right_wrist": 27,
}  # fmt: skip


def read(root: Path, split: str, _models: BodyModels) -> Iterator[ReferenceSequence]:
    """The videos of the test subjects 9 and 11; `protocol2`: of the frontal camera only.

    Intrinsics are in none of these files, so the camera is estimated.

    Raises:
        RecoverError: BAD_INPUT; MISSING_PART without `cdflib`.
    """
    files = [
        file for subject in _SUBJECTS for folder in _FOLDERS for file in sorted((root / subject / folder).glob("*.cdf"))
    ]
    if not files:
        raise missing(root / _SUBJECTS[0] / _FOLDERS[0], "the .cdf files of the poses")
    for file in files:
        subject = file.relative_to(root).parts[0]
        if split == "protocol2" and _FRONTAL not in file.name:
            continue
        joints = _positions(file)[:, list(_COLUMNS.values())] / 1000
        yield ReferenceSequence(
            name=f"{subject}_{file.stem}",
            video=require(root / subject / "Videos" / f"{file.stem}.mp4", "the video of the pose file"),
            fps=FPS,
            positions=np.arange(len(joints)),
            K=None,
            dist=None,
            joint_names=tuple(_COLUMNS),
            joints_camera=joints,
            joints_world=joints,
        )


def _positions(file: Path) -> NDArray[np.float64]:
    """Joints `[T,32,3]` in millimetres."""
    try:
        import cdflib
    except ImportError as error:
        raise RecoverError(
            ErrorCode.MISSING_PART,
            "Human3.6M's poses are CDF files, which need the Python package cdflib.",
            "Install cdflib 1.3 into the backend's environment.",
        ) from error
    return np.asarray(cdflib.CDF(file).varget("Pose"), np.float64).reshape(-1, 32, 3)
