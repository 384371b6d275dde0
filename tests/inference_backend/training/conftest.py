"""A made-up motion archive and a network small enough to train for a few steps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from inference_backend.body.body import Body
from inference_backend.protocol.skeleton import BODY_JOINTS
from inference_backend.training.data.archive import write_archive
from inference_backend.training.data.posing import flat_handed
from inference_backend.training.data.retarget import Motion
from inference_backend.training.sizes import SIZES, Size, StagePlan


@pytest.fixture(scope="session")
def body() -> Body:
    return flat_handed(Body.load())


def walking(subject: int, frames: int, seed: int) -> Motion:
    """Somebody who walks along z and swings, on the floor."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / 30
    phase = 2 * np.pi * rng.uniform(0.7, 1.2) * t + rng.uniform(0, 6)
    turns = np.zeros((frames, 22, 3))

    def turn(joint: str, axis: int, angle: np.ndarray | float) -> None:
        turns[:, BODY_JOINTS.index(joint), axis] = angle

    for side, sign in (("left", 1.0), ("right", -1.0)):
        turn(f"{side}_hip", 0, -0.1 - 0.4 * sign * np.sin(phase))
        turn(f"{side}_knee", 0, 0.5 + 0.4 * sign * np.cos(phase))
        turn(f"{side}_shoulder", 2, -1.2 * sign)
        turn(f"{side}_elbow", 1, -sign * (0.5 + 0.15 * np.sin(phase)))
    turn("pelvis", 1, 3.0 + 0.5 * t)  # crosses half a turn, where rotation vectors change sign
    pelvis = np.stack([np.zeros(frames), 0.9 + 0.02 * np.cos(2 * phase), 0.9 * t], axis=-1)
    return Motion(
        name=f"{subject}_01#0",
        subject=subject,
        uneven=False,
        betas=rng.normal(0, 0.5, 10),
        rotations=Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(frames, 22, 3, 3),
        pelvis=pelvis,
        error=np.zeros(22),
        turned=np.zeros(frames),
        lowest=np.zeros(frames),
    )


@pytest.fixture(scope="session")
def motions() -> list[Motion]:
    return [walking(subject, frames, subject) for subject, frames in ((1, 90), (2, 40), (3, 64))]


@pytest.fixture(scope="session")
def prepared(motions: list[Motion], body: Body, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `prepare` leaves it."""
    folder = tmp_path_factory.mktemp("motion")
    for split in ("train", "val", "test"):
        write_archive(folder / f"{split}.npz", motions, body.sha256)
    return folder


@pytest.fixture(scope="session")
def tiny() -> Size:
    plans = {name: StagePlan(plan.share, 6, min(plan.frames, 8), 2e-3) for name, plan in SIZES["cpu"].plans.items()}
    return replace(
        SIZES["cpu"],
        points=(64, 24, 10, 6),
        channels=(3, 6, 8, 8, 5),
        codes=16,
        landmark_width=32,
        landmark_depth=1,
        width=16,
        heads=2,
        clip_frames=16,
        overlap_frames=4,
        plans=plans,
    )


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
