import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inference_backend.body.body import Body
from inference_backend.protocol.skeleton import BODY_JOINTS
from inference_backend.stages.estimate.kinematic.figure import Figure
from inference_backend.stages.estimate.kinematic.landmarks import figure_of
from inference_backend.training.mocap import MocapClip


@pytest.fixture(scope="session")
def body() -> Body:
    return Body.load()


@pytest.fixture(scope="session")
def figure(body: Body) -> Figure:
    return figure_of(body)


@pytest.fixture(scope="session")
def walk() -> MocapClip:
    """A made-up walk of four seconds: hips, knees, shoulders and elbows swing while the body travels along z."""
    t = np.arange(120) / 30
    phase = 2 * np.pi * 0.9 * t
    turns = np.zeros((120, 22, 3))

    def set_turn(joint: str, axis: int, angle: np.ndarray | float) -> None:
        turns[:, BODY_JOINTS.index(joint), axis] = angle

    for side, sign in (("left", 1.0), ("right", -1.0)):
        set_turn(f"{side}_hip", 0, -0.1 - 0.4 * sign * np.sin(phase))
        set_turn(f"{side}_knee", 0, 0.5 + 0.4 * sign * np.cos(phase))
        set_turn(f"{side}_shoulder", 2, -1.2 * sign)
        set_turn(f"{side}_elbow", 1, -sign * (0.5 + 0.15 * np.sin(phase)))
    set_turn("spine1", 0, 0.08)
    rotations = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(120, 22, 3, 3)
    midhip = np.stack([np.zeros(120), 0.88 + 0.02 * np.cos(2 * phase), 0.9 * t], axis=-1)
    return MocapClip("walk", 0, rotations, midhip, 0.82, False)
