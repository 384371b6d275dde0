"""3DPW (von Marcard et al., ECCV 2018): `sequenceFiles/SPLIT/NAME.pkl`, `imageFiles/NAME/image_00000.jpg`; SMPL, a
camera in the hand, one or two people.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .pickled_arrays import load_pickled, numbers
from .sequence import SMPL_JOINTS, ReferenceSequence, missing, move, require
from .smpl import BodyModels

FPS = 30.0
SPLITS = ("test", "validation", "train", "all")


def read(root: Path, split: str, models: BodyModels) -> Iterator[ReferenceSequence]:
    """The sequences of a split, each person by themselves; frames whose camera pose is not valid have no reference.

    Joints are the file's own (`jointPositions`); meshes are there when SMPL is among the body models. 3DPW-OCC is `all`
    with the list of its sequences, which its authors publish.

    Raises:
        RecoverError: BAD_INPUT.
    """
    folder = root / "sequenceFiles"
    files = sorted(folder.glob("*/*.pkl" if split == "all" else f"{split}/*.pkl"))
    if not files:
        raise missing(folder / ("" if split == "all" else split), "the .pkl files of the sequences")
    for file in files:
        data = load_pickled(file)
        people = len(data["poses"])
        n = min(len(data["img_frame_ids"]), *(len(poses) for poses in data["poses"]))
        world_to_camera = numbers(data["cam_poses"], "cam_poses", (None, 4, 4))[:n]
        for person in range(people):
            joints = np.asarray(data["jointPositions"][person], np.float64)[:n].reshape(n, 24, 3)
            good = np.asarray(data["campose_valid"][person], bool)[:n, None, None]
            world = np.where(good, joints, np.nan)
            R, t = world_to_camera[:, :3, :3], world_to_camera[:, :3, 3]
            vertices = None
            if models.has_smpl():
                body = models.smpl(str(data["genders"][person]))
                betas = np.ravel(data["betas"][person])[:10]
                mesh = body.pose(betas, data["poses"][person][:n], data["trans"][person][:n]).vertices
                vertices = np.where(good, move(mesh, R, t), np.nan)
            yield ReferenceSequence(
                name=f"{file.stem}_{person}",
                video=require(root / "imageFiles" / file.stem, "the pictures of the sequence"),
                fps=FPS,
                positions=np.arange(n),
                K=numbers(data["cam_intrinsics"], "cam_intrinsics", (3, 3)),
                dist=np.zeros(5),
                joint_names=SMPL_JOINTS,
                joints_camera=move(world, R, t),
                joints_world=world,
                vertices_camera=vertices,
                still=False,
            )
