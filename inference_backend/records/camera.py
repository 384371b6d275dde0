"""Records about the camera: intrinsics and turning first, its place in the world once people stand on the floor."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MOTIONS: Final = ("still", "turning", "carried", "unknown")
"""What a camera does: it stands still; turns about its place (and zooms); is carried about, of which the background
tells the turning only; or the background does not tell, and it is taken as standing still."""


@dataclass(frozen=True)
class Camera:
    """Intrinsics for each clip frame, and how the camera turns.

    Attributes:
        K: float64 `[T,3,3]`, pinhole matrix in pixels of the upright frame.
        dist: float64 `[5]`, OpenCV's k1 k2 p1 p2 k3; zeros when unknown.
        source: for each shot where its focal length came from: `user`, `metadata`, `people`, `turning` or `fallback`.
        turn: float64 `[T,3,3]`, from each frame's axes (x right, y down, z forward) to those of its shot's first frame;
            None where no camera of the clip moves.
        motion: for each shot what its camera does, of `MOTIONS`; empty for a clip of which nobody asked.
    """

    K: NDArray[np.float64]
    dist: NDArray[np.float64]
    source: tuple[str, ...]
    turn: NDArray[np.float64] | None = None
    motion: tuple[str, ...] = ()

    def turn_of(self, frames: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Turns `[N,3,3]` of some frames of one shot; None where the camera stands still in all of them."""
        if self.turn is None:
            return None
        turn = self.turn[frames]
        return None if np.array_equal(turn, np.broadcast_to(np.eye(3), turn.shape)) else turn


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
