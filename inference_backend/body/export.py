"""Writes the people of one result as plain arrays, for readers without torch (Blender). Keys: docs/body.md."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.skeleton import JOINTS, PARENTS
from ..records.store import write_npz
from .body import Body
from .hands import RELAXED_LEFT_HAND, RELAXED_RIGHT_HAND


def export_person_body(body: Body, path: Path, betas_by_person: Mapping[int, ArrayLike]) -> None:
    """Write `body.npz`, without pickle and in one step (a reader never sees half a file).

    Args:
        body: the body that the motion was recovered on.
        path: the file to write.
        betas_by_person: `[10]` for each person id.

    Raises:
        RecoverError: BAD_OUTPUT when the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(path, person_body_arrays(body, betas_by_person), compress=True)
    except OSError as error:
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The body of the result cannot be written to {path} ({error.strerror}).",
            "Choose another folder, or make room on the disk.",
        ) from error


def person_body_arrays(body: Body, betas_by_person: Mapping[int, ArrayLike]) -> dict[str, NDArray]:
    """The members of `body.npz`; arguments as in `export_person_body`."""
    arrays: dict[str, ArrayLike] = {
        "v_template": body.v_template,
        "faces": body.faces.to(torch.int32),
        "shapedirs": body.shapedirs,
        "lbs_weights": body.lbs_weights,
        "J_template": body.J_template,
        "J_shapedirs": body.J_shapedirs,
        "joint_names": np.array(JOINTS),
        "parents": np.array(PARENTS, dtype=np.int32),
        "body_name": np.array(body.name),
        "body_sha256": np.array(body.sha256),
        "left_hand_pose": RELAXED_LEFT_HAND,
        "right_hand_pose": RELAXED_RIGHT_HAND,
        "point_names": np.array(list(body.points), dtype=np.str_),
        "point_indices": np.array(list(body.points.values()), dtype=np.int64),
        "person_ids": np.array(list(betas_by_person), dtype=np.int64),
    }
    for person, betas in betas_by_person.items():
        shape = torch.as_tensor(np.asarray(betas), dtype=body.v_template.dtype, device=body.v_template.device)
        arrays[f"p{person}_betas"] = shape
        arrays[f"p{person}_vertices"] = body.rest_vertices(shape)
        arrays[f"p{person}_rest_joints"] = body.rest_joints(shape)
    return {
        key: (value.detach().cpu().float() if value.is_floating_point() else value.cpu()).numpy()
        if isinstance(value, torch.Tensor)
        else np.asarray(value)
        for key, value in arrays.items()
    }
