"""3DOH50K (Zhang et al., CVPR 2020): `testset/annots.json`, `testset/images/00000.jpg`; single pictures of people
behind things.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .pickled_arrays import numbers
from .sequence import SMPL_JOINTS, ReferenceSequence, require
from .smpl import BodyModels

FPS = 30.0
SPLITS = ("testset", "trainset")


def read(root: Path, split: str, _models: BodyModels) -> Iterator[ReferenceSequence]:
    """Every picture is a sequence of one frame.

    The file's joints are in units of its `scale`; here they are divided by it.

    Raises:
        RecoverError: BAD_INPUT.
    """
    folder = root / split
    annotations = json.loads(require(folder / "annots.json", "the annotations").read_text(encoding="utf-8"))
    for key, entry in sorted(annotations.items()):
        scale = float(np.ravel(entry["scale"])[0])
        joints = numbers(entry["smpl_joints_3d"], "smpl_joints_3d", (24, 3)) / scale
        name = Path(str(entry["img_path"]).replace("\\", "/")).name
        yield ReferenceSequence(
            name=key,
            video=require(folder / "images" / name, "the picture"),
            fps=FPS,
            positions=np.zeros(1, np.int64),
            K=numbers(entry["intri"], "intri", (3, 3)),
            dist=np.zeros(5),
            joint_names=SMPL_JOINTS,
            joints_camera=joints[None],
            joints_world=None,
        )
