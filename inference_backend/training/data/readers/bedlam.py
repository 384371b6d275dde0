"""BEDLAM (Black et al., CVPR 2023): synthetic people with SMPL-X neutral bodies.

ANNOTATIONS/SCENE.npz    imgname, sub, center, scale, pose_cam, trans_cam, shape, cam_int, cam_ext   (one row a person)
IMAGES/SCENE/png/seq_000000/seq_000000_0000.png                      (`png` may be missing; a `_6fps` in SCENE too)
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ....protocol.errors import ErrorCode, RecoverError
from .clip import BODY_NUMBERS, BodyClip, PictureClip, bad, column, no_lens, read_table

_LEFT_OUT: Final = ("agora", "static-gym-hair", "static_gym_hair")
_MOVING: Final = ("orbit", "zoom")
_LYING: Final = "closeup"


def read_bedlam(annotations: Path, images: Path, moving: bool = True) -> Iterator[PictureClip]:
    """Each person of each sequence, successive frames, in the camera's frame.

    Args:
        annotations: folder of the scenes' `.npz` files.
        images: folder of the scenes' pictures.
        moving: also scenes whose camera orbits or zooms; clips over time need a camera that stands.

    Raises:
        RecoverError: BAD_INPUT when there is no scene, or a file is not what it should be.
    """
    files = [file for file in sorted(annotations.glob("*.npz")) if not _has(file, _LEFT_OUT)]
    if not files:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{annotations} holds no annotations of BEDLAM.",
            "Choose the folder with the .npz files of its training scenes.",
        )
    for file in files:
        if moving or not _has(file, _MOVING):
            yield from _scene(file, images)


def _has(file: Path, words: tuple[str, ...]) -> bool:
    return any(word in file.stem for word in words)


def _scene(path: Path, images: Path) -> Iterator[PictureClip]:
    table = read_table(path)
    names = column(table, "imgname", path, (None,)).astype(str)
    n = len(names)
    people = column(table, "sub", path, (n,)).astype(str)
    poses = column(table, "pose_cam", path, (n, BODY_NUMBERS)).astype(np.float32).reshape(-1, 22, 3)
    outside = column(table, "cam_ext", path, (n, None, 4)).astype(np.float32)[:, :3, 3]
    transl = column(table, "trans_cam", path, (n, 3)).astype(np.float32) + outside
    betas = column(table, "shape", path, (n, 10)).astype(np.float32)
    center = column(table, "center", path, (n, 2)).astype(np.float32)
    scale = column(table, "scale", path, (n,)).astype(np.float32)
    K = column(table, "cam_int", path, (n, 3, 3)).astype(np.float32)
    for values in (poses, transl, betas, center, scale, K):
        if not np.isfinite(values).all():
            raise bad(path, "holds values that are not finite")
    folder = _pictures_of(path, images)
    for rows in _runs(names, people):
        body = BodyClip(f"{path.stem} {names[rows[0]]}", poses[rows], transl[rows], betas[rows[0]])
        yield PictureClip(
            body,
            tuple(folder / name for name in names[rows]),
            center[rows],
            scale[rows],
            K[rows],
            no_lens(),
            clockwise=_LYING in path.stem,
        )


def _pictures_of(path: Path, images: Path) -> Path:
    for name in (path.stem, path.stem.removesuffix("_6fps"), path.stem.removesuffix("_30fps")):
        for folder in (images / name / "png", images / name):
            if folder.is_dir():
                return folder
    raise RecoverError(
        ErrorCode.BAD_INPUT, f"{images} has no pictures of the scene {path.stem}.", "Unpack that scene's pictures too."
    )


def _runs(names: NDArray, people: NDArray) -> Iterator[NDArray[np.int64]]:
    """Rows of one person in one sequence, in the order of time, without a gap."""
    sequences = np.array([name.rsplit("/", 1)[0] for name in names])
    numbers = np.array([_number(name) for name in names])
    order = np.lexsort((numbers, people, sequences))
    same = (sequences[order][1:] == sequences[order][:-1]) & (people[order][1:] == people[order][:-1])
    steps = np.diff(numbers[order])
    step = steps[same].min(initial=np.iinfo(np.int64).max, where=steps[same] > 0)
    yield from np.split(order, np.flatnonzero(~same | (steps != step)) + 1) if len(order) else ()


def _number(name: str) -> int:
    digits = Path(name).stem.rsplit("_", 1)[-1]
    return int(digits) if digits.isdigit() else 0
