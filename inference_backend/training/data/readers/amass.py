"""AMASS (Mahmood et al., ICCV 2019) as SMPL-X neutral motion at 30 frames a second.

Two layouts are read, below one folder for each of its data sets:
    DATASET/**/*.npy            the preprocessed form: `[T,79]` or wider, 30 frames a second:
                                0-2 root, 3-5 transl, 6-15 betas, 16-78 body pose
    DATASET/**/*stageii.npz     AMASS's own "SMPL-X N": trans, root_orient, pose_body, betas, gender, mocap_frame_rate
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from ....geometry.clock import CLOCK_FPS, clock_times, cubic, slerp
from ....protocol.errors import ErrorCode, RecoverError
from .clip import BodyClip, bad, column, read_table

TRAIN: Final = (
    "HumanEva", "HDM05", "MoSh", "Transitions", "ACCAD", "BMLhandball", "BMLmovi", "BMLrub", "CMU", "DFaust",
    "EyesJapan", "PosePrior", "SSM", "GRAB", "SOMA",
)  # fmt: skip
TEST: Final = ("TCDHands", "TotalCapture", "SFU")
TOKENIZER_TRAIN: Final = (
    "CMU", "KIT", "BMLrub", "CNRS", "DFaust", "EyesJapan", "BMLmovi", "TotalCapture", "EKUT", "ACCAD", "TCDHands",
    "PosePrior", "SOMA", "WEIZMANN",
)  # fmt: skip
TOKENIZER_VAL: Final = ("HumanEva", "HDM05", "SFU", "MoSh")
SPLITS: Final = {"train": TRAIN, "test": TEST, "tokenizer-train": TOKENIZER_TRAIN, "tokenizer-val": TOKENIZER_VAL}
"""The data sets of MoRo's splits; folders may be written with underscores, or as `MPI_HDM05`, `BioMotionLab_NTroje`."""

_OTHER_NAMES: Final = {
    "mpihdm05": "hdm05",
    "mpilimits": "poseprior",
    "mpimosh": "mosh",
    "mosh": "mosh",
    "biomotionlabntroje": "bmlrub",
    "dfaust67": "dfaust",
    "dfaust": "dfaust",
    "ssmsynced": "ssm",
    "tcdhandmocap": "tcdhands",
    "transitionsmocap": "transitions",
}


def read_amass(root: Path, split: str = "train") -> Iterator[BodyClip]:
    """Whole sequences of a split's data sets, in the world's axes (z up).

    Raises:
        RecoverError: BAD_INPUT when the folder has none of the data sets, or a file is not what it should be.
    """
    wanted = {_plain(name) for name in SPLITS[split]}
    folders = [folder for folder in sorted(root.glob("*")) if folder.is_dir() and _plain(folder.name) in wanted]
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if _is_motion(file)]
    if not files:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{root} holds no motion of AMASS's {split} split.",
            f"It should have folders named {', '.join(SPLITS[split][:3])} ... with .npy or *stageii.npz files.",
        )
    for file in files:
        clip = _preprocessed(file) if file.suffix == ".npy" else _official(file)
        if clip is not None:
            yield clip


def _plain(name: str) -> str:
    letters = "".join(c for c in name.lower() if c.isalnum())
    return _OTHER_NAMES.get(letters, letters)


def _is_motion(file: Path) -> bool:
    return file.suffix == ".npy" or file.name.endswith("stageii.npz")


def _preprocessed(path: Path) -> BodyClip | None:
    try:
        values = np.load(path, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise bad(path, f"cannot be read ({error})") from error
    if values.ndim != 2 or values.shape[1] < 79:
        raise bad(path, f"holds an array of shape {values.shape}, not [T,79]")
    if not np.isfinite(values[:, :79]).all():
        raise bad(path, "holds values that are not finite")
    if len(values) == 0:
        return None
    poses = np.concatenate((values[:, :3], values[:, 16:79]), 1).reshape(-1, 22, 3)
    return BodyClip(str(path), poses, values[:, 3:6], values[0, 6:16])


def _official(path: Path) -> BodyClip | None:
    table = read_table(path)
    gender = str(table.get("gender", "neutral"))
    if gender != "neutral":
        raise bad(path, f"is of the {gender} body; MoRo learns from neutral bodies")
    root = column(table, "root_orient", path, (None, 3))
    poses = np.concatenate((root, column(table, "pose_body", path, (len(root), 63))), 1).reshape(-1, 22, 3)
    transl = column(table, "trans", path, (len(root), 3))
    betas = column(table, "betas", path, (10,)).astype(np.float32)
    rate = float(table["mocap_frame_rate"] if "mocap_frame_rate" in table else table.get("mocap_framerate", np.nan))
    if not (np.isfinite(rate) and rate > 0):
        raise bad(path, 'has no "mocap_frame_rate"')
    if not (np.isfinite(poses).all() and np.isfinite(transl).all() and np.isfinite(betas).all()):
        raise bad(path, "holds values that are not finite")
    if len(root) < 2:
        return None
    if rate != CLOCK_FPS:
        time_s = np.arange(len(root)) / rate
        clock = clock_times(time_s)
        clock = clock[clock <= time_s[-1]]
        turned = slerp(time_s, Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(-1, 22, 3, 3), clock)
        poses = Rotation.from_matrix(turned.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 22, 3)
        transl = cubic(time_s, transl.astype(np.float64), clock)
    return BodyClip(str(path), poses.astype(np.float32), transl.astype(np.float32), betas)
