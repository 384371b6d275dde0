"""EMDB (Kaufmann et al., ICCV 2023): `P*/SEQUENCE/{P*_SEQUENCE_data.pkl, images/00000.jpg}`; SMPL, moving camera."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .pickled_arrays import load_pickled, numbers
from .sequence import SMPL_JOINTS, ReferenceSequence, missing, move, require
from .smpl import BodyModels

FPS = 30.0
SPLITS = ("emdb1", "emdb2")


def read(root: Path, split: str, models: BodyModels) -> Iterator[ReferenceSequence]:
    """The sequences of a split: `emdb1` for pose in the camera's axes, `emdb2` for paths in the world.

    Frames outside of `good_frames_mask` have no reference.

    Raises:
        RecoverError: BAD_INPUT, MISSING_PART (a body model).
    """
    files = sorted(root.glob("P*/*/*_data.pkl"))
    if not files:
        raise missing(root, "P0 to P9 with SEQUENCE/P0_SEQUENCE_data.pkl in them")
    for file in files:
        data = load_pickled(file)
        if not data[split]:
            continue
        n = int(data["n_frames"])
        extrinsics = numbers(data["camera"]["extrinsics"], "extrinsics", (n, 4, 4))
        smpl = data["smpl"]
        poses = np.concatenate([smpl["poses_root"], smpl["poses_body"]], axis=-1)
        body = models.smpl(str(data["gender"])).pose(np.ravel(smpl["betas"])[:10], poses, smpl["trans"])
        good = np.asarray(data["good_frames_mask"], bool)
        world = np.where(good[:, None, None], body.joints, np.nan)
        R, t = extrinsics[:, :3, :3], extrinsics[:, :3, 3]
        yield ReferenceSequence(
            name=str(data["name"]),
            video=require(file.parent / "images", "the pictures of the sequence"),
            fps=FPS,
            positions=np.arange(n),
            K=numbers(data["camera"]["intrinsics"], "intrinsics", (3, 3)),
            dist=np.zeros(5),
            joint_names=SMPL_JOINTS,
            joints_camera=move(world, R, t),
            joints_world=world,
            vertices_camera=np.where(good[:, None, None], move(body.vertices, R, t), np.nan),
            still=False,
        )
