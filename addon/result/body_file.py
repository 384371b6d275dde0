"""`body.npz`, the body that a result was recovered with, as Blender needs it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ...inference_backend.protocol.result_format import UNREADABLE
from ...inference_backend.protocol.skeleton import JOINTS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PersonShape:
    """A person's body in the zero pose: metres, y up, facing +z.

    Attributes:
        betas: `[10]`.
        vertices: `[V,3]`, skin at these betas.
        rest_joints: `[55,3]`.
    """

    betas: Array
    vertices: Array
    rest_joints: Array


@dataclass(frozen=True)
class BodyFile:
    """The mean body and its shape space.

    Attributes:
        v_template: `[V,3]`, metres.
        faces: int `[F,3]`.
        shapedirs: `[V,3,10]`, metres per unit of beta.
        lbs_weights: `[V,55]`.
        joint_names: SMPL-X's 55.
        people: shape of each person, by id.
    """

    v_template: Array
    faces: NDArray[np.int64]
    shapedirs: Array
    lbs_weights: Array
    joint_names: tuple[str, ...]
    people: dict[int, PersonShape]


def read_body(path: Path) -> BodyFile:
    """Read `body.npz`.

    Raises:
        RecoverError: `WRONG_BODY` when the file is missing, damaged, or has other joints than SMPL-X.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            people = {
                int(i): PersonShape(
                    betas=file[f"p{i}_betas"].astype(np.float64),
                    vertices=file[f"p{i}_vertices"].astype(np.float64),
                    rest_joints=file[f"p{i}_rest_joints"].astype(np.float64),
                )
                for i in file["person_ids"]
            }
            body = BodyFile(
                v_template=file["v_template"].astype(np.float64),
                faces=file["faces"].astype(np.int64),
                shapedirs=file["shapedirs"].astype(np.float64),
                lbs_weights=file["lbs_weights"].astype(np.float64),
                joint_names=tuple(str(name) for name in file["joint_names"]),
                people=people,
            )
    except (*UNREADABLE, KeyError, TypeError) as error:
        raise RecoverError(
            ErrorCode.WRONG_BODY,
            f"The body of the result cannot be read from {path} ({error}).",
            "See to it that it lies beside the result, or recover the motion again.",
        ) from error
    if body.joint_names != JOINTS:
        raise RecoverError(
            ErrorCode.WRONG_BODY,
            f"The body in {path} does not have SMPL-X's 55 joints.",
            "Run Recover Motion again with a body in SMPL-X's layout.",
        )
    return body
