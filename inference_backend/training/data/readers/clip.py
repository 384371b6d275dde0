"""What every reader of annotated data gives: SMPL-X parameters of one person, and the pictures that show them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ....protocol.errors import ErrorCode, RecoverError

Array = NDArray[np.float32]
BODY_NUMBERS = 66
"""Rotation vectors of the pelvis and 21 body joints."""


@dataclass(frozen=True)
class BodyClip:
    """T frames of one person as SMPL-X parameters.

    Attributes:
        name: where it comes from, for messages.
        poses: `[T,22,3]`, rotation vectors: the pelvis to the world (motion) or the camera (pictures), then local.
        transl: `[T,3]`, SMPL-X's transl, metres.
        betas: `[10]`.
        gender: `neutral`, `male` or `female`: which body the parameters are of.
    """

    name: str
    poses: Array
    transl: Array
    betas: Array
    gender: str = "neutral"

    def __len__(self) -> int:
        return len(self.poses)

    def frames(self, start: int, stop: int) -> Self:
        """Frames start .. stop - 1."""
        return replace(self, poses=self.poses[start:stop], transl=self.transl[start:stop])


@dataclass(frozen=True)
class PictureClip:
    """A `BodyClip` in camera axes (x right, y down, z forward) with its pictures, pixels.

    Attributes:
        body: the person.
        pictures: T files.
        center, scale: `[T,2]` and `[T]`, square box: centre, and side divided by 200.
        K: `[T,3,3]`; dist: `[5]`, OpenCV's lens distortion, which is to be taken out of the pictures.
        keypoints: `[T,44,3]`, x, y, confidence: OpenPose-25, then 19 extra slots; None: those of the projected body.
        clockwise: pictures are stored lying and must be turned by 90 degrees clockwise.
        placed: the body's transl is where the person is; else only its pose and shape are known.
    """

    body: BodyClip
    pictures: tuple[Path, ...]
    center: Array
    scale: Array
    K: Array
    dist: Array
    keypoints: Array | None = None
    clockwise: bool = False
    placed: bool = True

    def __len__(self) -> int:
        return len(self.pictures)

    def frames(self, start: int, stop: int) -> Self:
        """Frames start .. stop - 1."""
        part = slice(start, stop)
        return replace(
            self,
            body=self.body.frames(start, stop),
            pictures=self.pictures[part],
            center=self.center[part],
            scale=self.scale[part],
            K=self.K[part],
            keypoints=None if self.keypoints is None else self.keypoints[part],
        )


def spans(n_frames: int, length: int, overlap: int = 0) -> Iterator[tuple[int, int]]:
    """First and last + 1 of clips of a length; what is left over at the end is dropped."""
    for start in range(0, n_frames - length + 1, length - overlap):
        yield start, start + length


def no_lens() -> Array:
    """The distortion of a lens that has none."""
    return np.zeros(5, np.float32)


def column(table: Mapping[str, NDArray], name: str, path: Path, shape: tuple[int | None, ...]) -> NDArray:
    """An array of an annotation file.

    Args:
        table: the file's arrays.
        name: which of them.
        path: the file, for messages.
        shape: what it must have; None for any length. A longer last axis is cut.

    Raises:
        RecoverError: BAD_INPUT, it is missing or has another shape.
    """
    if name not in table:
        raise bad(path, f'has no "{name}"')
    value = np.asarray(table[name])
    fits = value.ndim == len(shape) and all(
        wanted in (None, there) for wanted, there in zip(shape[:-1], value.shape[:-1], strict=True)
    )
    if not fits or (shape[-1] is not None and value.shape[-1] < shape[-1]):
        raise bad(path, f'holds "{name}" of shape {value.shape}, not {shape}')
    return value if shape[-1] is None else value[..., : shape[-1]]


def bad(path: Path, what: str) -> RecoverError:
    """The error for an annotation file that cannot be used."""
    return RecoverError(
        ErrorCode.BAD_INPUT,
        f"The annotation file {path} {what}.",
        "Use SMPL-X annotations in the layout that docs/training_research.md describes.",
    )


def read_table(path: Path) -> dict[str, NDArray]:
    """The arrays of an `.npz` file; arrays of Python objects are left out, never unpickled.

    Raises:
        RecoverError: BAD_INPUT, it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            table = {}
            for name in file.files:
                try:
                    table[name] = file[name]
                except ValueError:  # an array of objects
                    continue
            return table
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise bad(path, f"cannot be read ({error})") from error
