"""Records about recovered motion. N frames are those of the person's track; rotations are matrices until the result."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PoseEstimate:
    """What an estimator says of one person, in the camera's frame (OpenCV axes: x right, y down, z forward).

    Attributes:
        person_id, shot, frames: as in the track it was estimated from.
        estimator: name of the estimator that ran.
        valid: bool `[N]`, the motion is supported by evidence nearby (False deep inside long gaps).
        betas: float64 `[10]`, one body shape for the clip.
        global_orient: float64 `[N,3,3]`, pelvis to camera.
        body_pose: float64 `[N,21,3,3]`, local rotations of joints 1..21.
        transl: float64 `[N,3]`, metres: SMPL-X's transl, so pelvis = rest pelvis(betas) + transl.
        confidence: float32 `[N,22]`, 0..1 for each body joint: how well the image supports it.
        depth_sigma: float32 `[N]`, metres, standard deviation of the distance along the viewing ray.
        reproj_err: float32 `[N]`, mean reprojection error of usable landmarks in box sides; NaN where not seen.
    """

    person_id: int
    shot: int
    frames: NDArray[np.int64]
    estimator: str
    valid: NDArray[np.bool_]
    betas: NDArray[np.float64]
    global_orient: NDArray[np.float64]
    body_pose: NDArray[np.float64]
    transl: NDArray[np.float64]
    confidence: NDArray[np.float32]
    depth_sigma: NDArray[np.float32]
    reproj_err: NDArray[np.float32]


@dataclass(frozen=True)
class WorldMotion:
    """One person's motion in the world (y up, floor at y = 0, metres). Fields as in `PoseEstimate`, and:

    Attributes:
        floor_y: metres, height of what this person stands on: 0 on the shot's floor, else a step, a stage, a roof.
    """

    person_id: int
    shot: int
    frames: NDArray[np.int64]
    valid: NDArray[np.bool_]
    betas: NDArray[np.float64]
    global_orient: NDArray[np.float64]
    body_pose: NDArray[np.float64]
    transl: NDArray[np.float64]
    confidence: NDArray[np.float32]
    floor_y: float = 0.0

    def standing_at(self, floor_y: float) -> "WorldMotion":
        """The same motion moved up or down, so that what the person stands on is at a height."""
        if floor_y == self.floor_y:
            return self
        shift = np.array([0.0, floor_y - self.floor_y, 0.0])
        return replace(self, transl=self.transl + shift, floor_y=floor_y)


@dataclass(frozen=True)
class Contacts:
    """Which points of the feet stand on the floor.

    Attributes:
        person_id: whose feet.
        contact: bool `[N,4]`: left heel, left toe, right heel, right toe (`skeleton.CONTACT_POINTS`).
    """

    person_id: int
    contact: NDArray[np.bool_]


@dataclass(frozen=True)
class TrajectoryReport:
    """What the trajectory stage did to one person's path.

    Attributes:
        person_id: whose path.
        prior: `network`, `contacts` (the velocity that standing feet give) or `none` (nothing was regenerated).
        regenerated: bool `[N]`, frames whose path the prior took part in.
        sigma_v: float32 `[N]`, m/s, how far the prior's velocity was trusted; 0 where it took no part.
        windows, seeds: windows and noise seeds of the network.
        yaw_deg, scale: mean turn about y, and factor on horizontal motion, that brought the prior onto the video.
    """

    person_id: int
    prior: str
    regenerated: NDArray[np.bool_]
    sigma_v: NDArray[np.float32]
    windows: int
    seeds: int
    yaw_deg: float
    scale: float


@dataclass(frozen=True)
class PhysicsReport:
    """What the physics stage did to one person's motion.

    Attributes:
        person_id: whose motion.
        simulated: bool `[N]`, frames whose motion is the simulated body's.
        segments: what was judged: first row, row after the last, and why it was turned down (`fell`, `joints`,
            `pelvis`, `no gain`) or "".
        fell: rows at which the simulated body fell for good.
        retries: how often it needed a second try.
        slip_cm_s, penetration_cm: of the feet, before and after, over all frames that were tried.
        joints_deg, pelvis_m: mean deviation of the simulated body from what went in.
        assist_n: mean force that helped the pelvis.
    """

    person_id: int
    simulated: NDArray[np.bool_]
    segments: tuple[tuple[int, int, str], ...]
    fell: tuple[int, ...]
    retries: int
    slip_cm_s: tuple[float, float]
    penetration_cm: tuple[float, float]
    joints_deg: float
    pelvis_m: float
    assist_n: float
