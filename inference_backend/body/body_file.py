"""Reads a body file in SMPL-X's layout: named numeric arrays, never a pickle."""

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.skeleton import JOINTS, PARENTS
from .smplx_points import SMPLX_POINTS, SMPLX_VERTICES

BETAS: Final = 10
_POSE_FEATURES: Final = (len(JOINTS) - 1) * 9


@dataclass(frozen=True)
class BodyArrays:
    """The arrays of a body (V vertices, F triangles, 55 joints).

    Attributes:
        name: the file's stem, for example `SMPLX_OPEN`.
        sha256: checksum of the file.
        v_template: float32 `[V,3]`, metres: the mean body in its zero pose.
        faces: int64 `[F,3]`.
        shapedirs: float32 `[V,3,10]`, metres for each unit of beta.
        posedirs: float32 `[V,3,486]`, pose correctives, or None where the file has none.
        j_regressor: float32 `[55,V]`.
        weights: float32 `[V,55]`, skin weights; rows sum to 1.
        points: vertex index of each named surface point.
    """

    name: str
    sha256: str
    v_template: NDArray[np.float32]
    faces: NDArray[np.int64]
    shapedirs: NDArray[np.float32]
    posedirs: NDArray[np.float32] | None
    j_regressor: NDArray[np.float32]
    weights: NDArray[np.float32]
    points: dict[str, int]


def read_body_file(path: Path) -> BodyArrays:
    """Read a body file.

    Args:
        path: an `.npz` in SMPL-X's layout: ours, or a user's own `SMPLX_NEUTRAL.npz`. Only the numeric arrays that are
            needed are read; of the shape directions the first ten.

    Raises:
        RecoverError: WRONG_BODY, with what is wrong and what to do.
    """
    if not path.is_file():
        raise _wrong(path, "does not exist")
    try:
        opened = np.load(path, allow_pickle=False)
        if not isinstance(opened, np.lib.npyio.NpzFile):
            raise _wrong(path, "holds one array, not the named arrays of a body")
        with opened as file:
            arrays = {key: _numbers(path, file, key) for key in ("v_template", "shapedirs", "J_regressor", "weights")}
            faces = _numbers(path, file, "f", kind="iu")
            tree = _numbers(path, file, "kintree_table", kind="iuf")
            correctives = "pose_correctives" not in file.files or bool(file["pose_correctives"])
            posedirs = _numbers(path, file, "posedirs") if correctives and "posedirs" in file.files else None
            points = {}
            if "point_names" in file.files and "point_indices" in file.files:
                indices = _numbers(path, file, "point_indices", kind="iu")
                points = dict(zip(file["point_names"].tolist(), map(int, indices), strict=True))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        # numpy's own words recommend to load pickles where a file is something else altogether.
        detail = f" ({error})" if isinstance(error, OSError) and error.strerror else ""
        raise _wrong(path, f"cannot be read; it is damaged or not an .npz file{detail}") from error

    count = len(arrays["v_template"])
    if not points and count == SMPLX_VERTICES:
        points = dict(SMPLX_POINTS)
    arrays["shapedirs"] = _first_betas(path, arrays["shapedirs"], count)
    shapes = {"v_template": (count, 3), "J_regressor": (len(JOINTS), count), "weights": (count, len(JOINTS))}
    for key, shape in shapes.items():
        if arrays[key].shape != shape:
            raise _wrong(path, f"has an array {key} of shape {arrays[key].shape} where SMPL-X has {shape}")
    if posedirs is not None and posedirs.shape != (count, 3, _POSE_FEATURES):
        raise _wrong(path, f"has an array posedirs of shape {posedirs.shape}, not {(count, 3, _POSE_FEATURES)}")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.min(initial=0) < 0 or faces.max(initial=0) >= count:
        raise _wrong(path, "has triangles that do not fit its vertices")
    if any(not 0 <= index < count for index in points.values()):
        raise _wrong(path, "names surface points that it does not have")
    parents = tree[0].astype(np.uint32).astype(np.int32) if tree.ndim == 2 else tree
    if parents.shape != (len(JOINTS),) or not np.array_equal(parents[1:], PARENTS[1:]):
        raise _wrong(path, "has another skeleton than SMPL-X")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise _wrong(path, "holds numbers that are not finite")
    if not np.allclose(arrays["weights"].sum(axis=1), 1.0, atol=1e-3):
        raise _wrong(path, "has skin weights that do not sum to 1")
    return BodyArrays(
        name=path.stem,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        v_template=arrays["v_template"],
        faces=faces.astype(np.int64),
        shapedirs=arrays["shapedirs"],
        posedirs=posedirs,
        j_regressor=arrays["J_regressor"],
        weights=arrays["weights"],
        points=points,
    )


def _wrong(path: Path, fault: str) -> RecoverError:
    return RecoverError(
        ErrorCode.WRONG_BODY,
        f"The body file {path} {fault}.",
        "Choose the .npz file of SMPL-X, neutral, version 1.1, or leave the setting empty to use the open body.",
    )


def _numbers(path: Path, file: np.lib.npyio.NpzFile, key: str, kind: str = "fiu") -> NDArray:
    """One numeric array; floats as float32."""
    if key not in file.files:
        raise _wrong(path, f"has no array {key}")
    try:
        array = file[key]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise _wrong(path, f"holds {key} as a pickled object, which is never loaded for safety") from error
    if array.dtype.kind not in kind:
        raise _wrong(path, f"has an array {key} that holds no numbers of the right kind")
    return array.astype(np.float32) if "f" in kind and kind != "iuf" else array


def _first_betas(path: Path, shapedirs: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    if shapedirs.ndim != 3 or shapedirs.shape[:2] != (count, 3) or shapedirs.shape[2] < BETAS:
        raise _wrong(path, f"has an array shapedirs of shape {shapedirs.shape}, not {(count, 3)} and {BETAS} or more")
    return np.ascontiguousarray(shapedirs[:, :, :BETAS])
