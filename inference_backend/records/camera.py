"""Records about the camera: intrinsics first, its place in the world once people stand on the floor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """Intrinsics for each clip frame.

    Attributes:
        K: float64 `[T,3,3]`, pinhole matrix in pixels of the upright frame.
        dist: float64 `[5]`, OpenCV's k1 k2 p1 p2 k3; zeros when unknown.
        source: for each shot where its focal length came from: `user`, `metadata`, `people` or `fallback`.
    """

    K: NDArray[np.float64]
    dist: NDArray[np.float64]
    source: tuple[str, ...]


@dataclass(frozen=True)
class WorldFrame:
    """Where the camera stands, for each clip frame. World: right-handed, metres, y up, floor at y = 0.

    `x_world = R_cam_to_world @ x_cam + cam_pos_world`, with x_cam in OpenCV axes (x right, y down, z forward).

    Attributes:
        R_cam_to_world: float64 `[T,3,3]`.
        cam_pos_world: float64 `[T,3]`.
        floor_found: for each shot, whether feet on the floor fixed its height (False: a stated guess).
        tilt_source: for each shot where the vertical came from: `feet`, `bodies` or `level`.
    """

    R_cam_to_world: NDArray[np.float64]
    cam_pos_world: NDArray[np.float64]
    floor_found: tuple[bool, ...]
    tilt_source: tuple[str, ...]
