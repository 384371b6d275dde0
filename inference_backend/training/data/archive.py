"""Compact files of motion on the body: one for each split, small enough to be carried to another machine.

Rotation vectors are kept in steps of a thousandth of a radian and the pelvis in millimetres, as differences in time in
separate planes of low and high bytes, which deflate well. Such files are converted mocap clips: they are made where
they are needed and never handed on.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...protocol.errors import ErrorCode, RecoverError
from .retarget import Motion

ANGLE_UNIT: Final = 1e-3
"""Radians."""
LENGTH_UNIT: Final = 1e-3
"""Metres."""
FORMAT: Final = 1


@dataclass(frozen=True)
class MotionArchive:
    """All motion of a split, one clip after the other; N frames, C clips, S subjects.

    Attributes:
        names: of the clips.
        subjects: int `[C]`, CMU's subject numbers.
        uneven: bool `[C]`, steps on things that are not the floor.
        ends: int64 `[C]`, frame after the last of each clip.
        betas: `[C,10]`, shape of each clip's subject.
        rotvec: int16 `[N,22,3]`, in `ANGLE_UNIT`: pelvis to world, then local rotations.
        pelvis: int16 `[N,3]`, in `LENGTH_UNIT`; world y up, floor y = 0.
        body_sha256: checksum of the body that the motion is on.
    """

    names: tuple[str, ...]
    subjects: NDArray[np.int32]
    uneven: NDArray[np.bool_]
    ends: NDArray[np.int64]
    betas: NDArray[np.float32]
    rotvec: NDArray[np.int16]
    pelvis: NDArray[np.int16]
    body_sha256: str

    def __len__(self) -> int:
        return len(self.ends)

    def span(self, i: int) -> slice:
        """Frames of clip i."""
        return slice(int(self.ends[i - 1]) if i else 0, int(self.ends[i]))


def _to_planes(values: NDArray[np.int16]) -> NDArray[np.uint8]:
    """`[N,C]` to `[2,C,N]`: differences, small numbers of either sign first, low and high bytes apart."""
    steps = np.diff(values, axis=0, prepend=np.zeros((1, values.shape[1]), np.int16)).astype(np.int16)
    words = ((steps.astype(np.uint16) << 1) ^ (steps >> 15).astype(np.uint16)).T
    return np.stack(((words & 255).astype(np.uint8), (words >> 8).astype(np.uint8)))


def _from_planes(planes: NDArray[np.uint8]) -> NDArray[np.int16]:
    words = planes[0].astype(np.uint16) | planes[1].astype(np.uint16) << 8
    steps = (words >> 1).astype(np.int16) ^ -(words & 1).astype(np.int16)
    return np.cumsum(steps, axis=1, dtype=np.int16).T


def write_archive(path: Path, motions: Sequence[Motion], body_sha256: str) -> None:
    """Write motions; raises `RecoverError` (`bad_output`) when that is not possible."""
    rotvec = np.concatenate(
        [Rotation.from_matrix(m.rotations.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 66) for m in motions]
    )
    pelvis = np.concatenate([m.pelvis for m in motions])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            format=FORMAT,
            names=np.array([m.name for m in motions]),
            subjects=np.array([m.subject for m in motions], np.int32),
            uneven=np.array([m.uneven for m in motions]),
            frames=np.array([len(m.pelvis) for m in motions], np.int64),
            betas=np.stack([m.betas for m in motions]).astype(np.float32),
            rotvec_bytes=_to_planes(np.round(rotvec / ANGLE_UNIT).astype(np.int16)),
            pelvis_bytes=_to_planes(np.round(pelvis / LENGTH_UNIT).astype(np.int16)),
            body_sha256=body_sha256,
        )
    except OSError as error:
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The motion could not be written to {path} ({error.strerror}).",
            "Choose a folder that can be written to.",
        ) from error


def read_archive(path: Path, body_sha256: str | None = None) -> MotionArchive:
    """Read a split.

    Args:
        path: the file.
        body_sha256: checksum of the body that will be posed; None does not check.

    Raises:
        RecoverError: it is missing, damaged, or of another body.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            if int(data["format"]) != FORMAT:
                raise ValueError(f"format {int(data['format'])} is not known")
            archive = MotionArchive(
                names=tuple(map(str, data["names"])),
                subjects=data["subjects"],
                uneven=data["uneven"],
                ends=np.cumsum(data["frames"]),
                betas=data["betas"],
                rotvec=_from_planes(data["rotvec_bytes"]).reshape(-1, 22, 3),
                pelvis=_from_planes(data["pelvis_bytes"]),
                body_sha256=str(data["body_sha256"]),
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{path} holds no prepared motion ({error}).",
            "Make it: python -m inference_backend.training.data.prepare --mocap FOLDER --out FOLDER",
        ) from error
    if body_sha256 is not None and archive.body_sha256 != body_sha256:
        raise RecoverError(
            ErrorCode.WRONG_BODY,
            f"{path} holds motion of another body.",
            "Prepare it again: python -m inference_backend.training.data.prepare --mocap FOLDER --out FOLDER",
        )
    return archive
