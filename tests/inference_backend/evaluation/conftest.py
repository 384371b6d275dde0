"""A little prepared motion for the commands that train or draw from it."""

import numpy as np
import pytest

from inference_backend.body.body import Body
from inference_backend.training.data.archive import write_archive
from inference_backend.training.data.posing import flat_handed
from inference_backend.training.data.retarget import Motion


@pytest.fixture
def prepared(tmp_path):
    """Somebody who stands and turns, as a folder that `prepare` leaves."""
    frames = 40
    turn = np.linspace(0, 6, frames)
    rotations = np.tile(np.eye(3), (frames, 22, 1, 1))
    rotations[:, 0, 0, 0] = rotations[:, 0, 2, 2] = np.cos(turn)
    rotations[:, 0, 0, 2], rotations[:, 0, 2, 0] = np.sin(turn), -np.sin(turn)
    pelvis = np.tile([0.0, 0.95, 0.0], (frames, 1))
    motion = Motion(
        "1_01#0", 1, False, np.zeros(10), rotations, pelvis, np.zeros(22), np.zeros(frames), np.zeros(frames)
    )
    folder = tmp_path / "motion"
    for split in ("train", "val"):
        write_archive(folder / f"{split}.npz", [motion], flat_handed(Body.load()).sha256)
    return folder
