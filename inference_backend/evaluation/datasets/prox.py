"""PROX (Hassan et al., ICCV 2019), the videos without a reference: `recordings/NAME/Color/*.jpg` and
`calibration/Color.json`. What is measured needs none: jitter, skating, penetration.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from ...protocol.skeleton import BODY_JOINTS
from .sequence import ReferenceSequence, five_coefficients, missing, pictures, require
from .smpl import BodyModels

FPS: Final = 30.0
SPLITS: Final = ("recordings",)
_SIZE_WH: Final = (1920, 1080)


def read(root: Path, split: str, _models: BodyModels) -> Iterator[ReferenceSequence]:
    """Every recording; all joints of the reference are NaN.

    Raises:
        RecoverError: BAD_INPUT.
    """
    folders = sorted(path for path in (root / split).glob("*") if path.is_dir())
    if not folders:
        raise missing(root / split, "a folder for each recording")
    color = json.loads(require(root / "calibration" / "Color.json", "the camera's intrinsics").read_text("utf-8"))
    K = np.asarray(color["camera_mtx"], np.float64)
    for folder in folders:
        frames = len(pictures(require(folder / "Color", "the pictures of a recording")))
        nothing = np.full((frames, len(BODY_JOINTS), 3), np.nan)
        yield ReferenceSequence(
            name=folder.name,
            video=folder / "Color",
            fps=FPS,
            positions=np.arange(frames),
            K=K,
            dist=five_coefficients(color["k"], K, _SIZE_WH),
            joint_names=BODY_JOINTS,
            joints_camera=nothing,
            joints_world=None,
        )
