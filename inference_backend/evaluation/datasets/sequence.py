"""One sequence of a data set with its reference, whatever layout it came in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ...protocol.errors import ErrorCode, RecoverError
from ...protocol.skeleton import BODY_JOINTS

Array = NDArray[np.float64]

SMPL_JOINTS: Final = (*BODY_JOINTS, "left_hand", "right_hand")
LSP_JOINTS: Final = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
)  # fmt: skip


@dataclass(frozen=True)
class ReferenceSequence:
    """A video with what is known of one person in it: T frames, J joints, metres.

    Attributes:
        name: unique in its data set.
        video: a video file, or the folder or pattern of its pictures.
        fps: frames a second.
        positions: int `[T]`, rising: which frames of the video the reference speaks of, counted from 0.
        K, dist: pinhole matrix and OpenCV's five distortion coefficients, pixels of the video; None where unknown.
        joint_names: `[J]`.
        joints_camera: `[T,J,3]`, camera's axes (x right, y down, z forward); NaN where there is no reference.
        joints_world: `[T,J,3]`, a fixed frame with y up where the data set says which way is up; None for none.
        visible: `[T,J]`, or None where that is not known.
        vertices_camera: `[T,6890,3]`, the reference's SMPL mesh, or None.
        still: the camera stands still.
    """

    name: str
    video: Path
    fps: float
    positions: NDArray[np.int64]
    K: Array | None
    dist: Array | None
    joint_names: tuple[str, ...]
    joints_camera: Array
    joints_world: Array | None
    visible: NDArray[np.bool_] | None = None
    vertices_camera: Array | None = None
    still: bool = True


def move(points: Array, R: Array, t: Array) -> Array:
    """`R @ x + t` for points `[T,N,3]` with `R [3,3]` or `[T,3,3]` and `t [3]` or `[T,3]`."""
    return points @ np.swapaxes(R, -1, -2) + np.atleast_2d(t)[:, None]


def z_up_to_y_up(points: Array) -> Array:
    """`(x, y, z)` with z up as `(x, z, -y)` with y up."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def five_coefficients(values: Sequence[float] | Array, K: Array, size_wh: tuple[int, int]) -> Array:
    """OpenCV's k1 k2 p1 p2 k3 for a lens with 0 to 8 coefficients.

    With more than five (the rational model of Azure Kinects) the nearest five are fitted over the picture, which is a
    linear problem.

    Args:
        values: k1 k2 [p1 p2 [k3 [k4 k5 k6]]].
        K: `[3,3]`, pixels; size_wh: of the picture.

    Raises:
        ValueError: five coefficients miss the lens by over half a pixel somewhere in the picture.
    """
    full = np.zeros(8)
    given = np.ravel(np.asarray(values, np.float64))
    full[: len(given)] = given
    if not full[5:].any():
        return full[:5]
    reach = 1.2 * max(size_wh) / min(K[0, 0], K[1, 1])
    x, y = (axis.ravel() for axis in np.meshgrid(*[np.linspace(-reach, reach, 121)] * 2))
    rays = np.stack([x, y, np.ones_like(x)], axis=-1)
    pixels = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), K, full)[0][:, 0]
    # Far outside of the picture a rational lens folds back into it: only rays near those of a plain lens count.
    plain = rays[:, :2] * (K[0, 0], K[1, 1]) + K[:2, 2]
    inside = ((pixels >= 0) & (pixels <= size_wh)).all(axis=-1) & (np.abs(pixels - plain).max(axis=-1) < 0.2 * K[0, 0])
    x, y, pixels = x[inside], y[inside], pixels[inside]
    seen = np.stack([(pixels[:, 0] - K[0, 2]) / K[0, 0], (pixels[:, 1] - K[1, 2]) / K[1, 1]])
    r2 = x * x + y * y
    columns = [
        np.stack([x * r2, y * r2]),
        np.stack([x * r2**2, y * r2**2]),
        np.stack([2 * x * y, r2 + 2 * y * y]),
        np.stack([r2 + 2 * x * x, 2 * x * y]),
        np.stack([x * r2**3, y * r2**3]),
    ]
    A, b = np.stack(columns, axis=-1).reshape(-1, 5), (seen - np.stack([x, y])).ravel()
    five = np.linalg.lstsq(A, b, rcond=None)[0]
    if np.abs(A @ five - b).max() * max(K[0, 0], K[1, 1]) > 0.5:
        raise ValueError("its lens cannot be described by five distortion coefficients")
    return five


def pictures(folder: Path, suffixes: tuple[str, ...] = (".jpg", ".png", ".jpeg", ".bmp")) -> list[Path]:
    """The pictures of a folder in the order of their names.

    Raises:
        RecoverError: BAD_INPUT when it has none.
    """
    found = sorted(file for file in folder.glob("*") if file.suffix.lower() in suffixes)
    if not found:
        raise missing(folder, "the pictures of a sequence")
    return found


def missing(path: Path, what: str) -> RecoverError:
    """The error for a part of a data set that is not there."""
    return RecoverError(
        ErrorCode.BAD_INPUT,
        f"{path} does not exist or is empty; it should hold {what}.",
        "Unpack that part of the data set too, in the layout of its authors.",
    )


def require(path: Path, what: str) -> Path:
    """`path`, if it exists.

    Raises:
        RecoverError: BAD_INPUT.
    """
    if not path.exists():
        raise missing(path, what)
    return path
