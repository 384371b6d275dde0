"""A figure of 33 landmarks that stands, walks and turns, for tests without pictures."""

import numpy as np
import pytest

from inference_backend.stages.people.pose import Pose
from inference_backend.stages.people.view import View

# Where a standing person's landmarks are, in body heights: x to the picture's right, y down, z away. The person faces
# the camera, so that the left side is on the right of the picture.
_HALF = {
    2: (0.02, -0.93), 7: (0.045, -0.92), 9: (0.015, -0.88), 11: (0.11, -0.81), 13: (0.16, -0.62), 15: (0.18, -0.47),
    17: (0.19, -0.43), 19: (0.185, -0.42), 21: (0.17, -0.44), 23: (0.06, -0.52), 25: (0.06, -0.28), 27: (0.06, -0.05),
    29: (0.06, -0.01), 31: (0.07, 0.0),
}  # fmt: skip
_ALIASES = {1: 2, 3: 2, 4: 2, 5: 2, 6: 2, 8: 7, 10: 9}


def _template() -> np.ndarray:
    table = np.zeros((33, 3))
    table[0] = (0.0, -0.91, -0.06)
    for left, (x, y) in _HALF.items():
        table[left, :2] = x, y
    for index, same in _ALIASES.items():
        table[index] = table[same] * ((-1, 1, 1) if index in (4, 5, 6, 8, 10) else (1, 1, 1))
    for left in range(11, 33, 2):
        table[left + 1] = table[left] * (-1, 1, 1)
    return table


class Figures:
    """Makes poses."""

    template = _template()

    def pose(
        self, x=300.0, foot=500.0, height=400.0, yaw=0.0, roll=0.0, stride=0.0, trust=0.9, silhouette=True
    ) -> Pose:
        """A person in a picture of 640 x 560 pixels.

        Args:
            x: of the hips, pixels.
            foot: the floor, pixels.
            height: standing height, pixels.
            yaw: turn about the vertical, radians.
            roll: turn of the whole body in the picture about its hips, radians.
            stride: how far the left foot is before the right one, body heights.
            trust: visibility of all landmarks.
            silhouette: whether there is one (everything is on it).
        """
        body = self.template.copy()
        for left, share in ((25, 0.5), (27, 1.0), (29, 1.0), (31, 1.0)):
            body[left, 2] -= share * stride / 2
            body[left + 1, 2] += share * stride / 2
        c, s = np.cos(yaw), np.sin(yaw)
        body[:, [0, 2]] = body[:, [0, 2]] @ np.array([[c, s], [-s, c]])
        hips = np.array([0, -0.52, 0])
        c, s = np.cos(roll), np.sin(roll)
        body[:, :2] = (body - hips)[:, :2] @ np.array([[c, s], [-s, c]])
        body[:, 2] -= hips[2]
        keypoints = body[:, :2] * height + (x, foot - 0.52 * height)
        return Pose(
            keypoints.astype(np.float32),
            np.full(33, trust, np.float32),
            (1.7 * body).astype(np.float32),
            View(0, 0, 640, 560),
            np.ones((56, 64), np.float32) if silhouette else None,
        )


@pytest.fixture(scope="session")
def figures() -> Figures:
    """A maker of poses."""
    return Figures()
