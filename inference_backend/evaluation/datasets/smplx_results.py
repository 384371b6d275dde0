"""Fits that are stored frame by frame as small pickles of SMPL or SMPL-X parameters (EgoBody, RICH)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import roma
import torch
from numpy.typing import NDArray

from ...body.body import Body
from .pickled_arrays import load_pickled
from .sequence import Array
from .smpl import SmplBody, SmplPose


def read_parameters(files: Sequence[Path]) -> tuple[dict[str, Array], str]:
    """`betas`, `global_orient`, `body_pose`, `transl` over all files, `[T,n]`, and the gender that the first names.

    Raises:
        RecoverError: BAD_INPUT, MISSING_PART.
        KeyError, ValueError: a file has not these parameters.
    """
    rows: dict[str, list[NDArray]] = {key: [] for key in ("betas", "global_orient", "body_pose", "transl")}
    gender = ""
    for file in files:
        data = load_pickled(file)
        gender = gender or str(data.get("gender", ""))
        for key, values in rows.items():
            values.append(np.ravel(np.asarray(data[key], np.float64)))
    return {key: np.stack(values) for key, values in rows.items()}, gender


def pose_smplx(body: Body, parameters: dict[str, Array]) -> Array:
    """Body joints `[T,22,3]`, metres, of SMPL-X parameters; shape as each frame has it."""
    orient = roma.rotvec_to_rotmat(torch.from_numpy(parameters["global_orient"]))
    pose = roma.rotvec_to_rotmat(torch.from_numpy(parameters["body_pose"]).reshape(-1, 21, 3))
    betas, transl = torch.from_numpy(parameters["betas"][:, :10]), torch.from_numpy(parameters["transl"])
    return body.skeleton(betas, orient, pose, transl)[0].numpy()


def pose_smpl(body: SmplBody, parameters: dict[str, Array]) -> SmplPose:
    """Joints and mesh of SMPL parameters, with the median shape of all frames."""
    poses = np.concatenate([parameters["global_orient"], parameters["body_pose"]], axis=1)
    return body.pose(np.median(parameters["betas"][:, :10], axis=0), poses, parameters["transl"])
