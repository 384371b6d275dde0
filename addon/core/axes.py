"""The one place where the product's world becomes Blender's: (x, y, z) -> (x, -z, y).

Ours: right-handed, metres, y up, a person in the zero pose faces +z. Blender: right-handed, metres, z up, faces -y.
The camera's frame is OpenCV's (x right, y down, z forward); Blender's camera looks along -z with y up.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

WORLD_TO_BLENDER: Final[NDArray[np.float64]] = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""C, a proper rotation: x_blender = C @ x_world."""

_CAMERA_AXES: Final[NDArray[np.float64]] = np.diag([1.0, -1.0, -1.0])


def to_blender_points(points: ArrayLike) -> NDArray[np.float64]:
    """Points or vectors `[...,3]` of our world in Blender's axes, metres."""
    return np.asarray(points, dtype=np.float64) @ WORLD_TO_BLENDER.T


def to_blender_rotations(rotations: ArrayLike) -> NDArray[np.float64]:
    """Rotations `[...,3,3]` of our world about Blender's axes: C R C^T."""
    return WORLD_TO_BLENDER @ np.asarray(rotations, dtype=np.float64) @ WORLD_TO_BLENDER.T


def to_blender_camera(R_cam_to_world: ArrayLike) -> NDArray[np.float64]:
    """Rotations `[...,3,3]` of a Blender camera object that looks as an OpenCV camera with `R_cam_to_world` does."""
    return WORLD_TO_BLENDER @ np.asarray(R_cam_to_world, dtype=np.float64) @ _CAMERA_AXES
