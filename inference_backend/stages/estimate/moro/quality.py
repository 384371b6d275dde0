"""How well the image supports a recovered motion, in the kinematic estimator's terms, so that both mean the same."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ....body.body import Body
from ..kinematic.landmark_weights import landmark_weights
from ..kinematic.landmarks import figure_of
from ..kinematic.observations import Observations
from ..kinematic.report import confidence_of, depth_sigma_of, near_evidence, support_of
from ..kinematic.settings import KinematicSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """Of M frames on the 30 fps clock.

    Attributes:
        valid: bool `[M]`, evidence is near.
        confidence: `[M,22]`, 0..1.
        depth_sigma: `[M]`, metres.
    """

    valid: NDArray[np.bool_]
    confidence: Array
    depth_sigma: Array


def landmark_places(body: Body, betas: Tensor, rotations: Tensor, pelvis: Tensor) -> Array:
    """Where the 33 landmarks of a posed body are: `[N,33,3]`, camera frame, metres.

    Args:
        body: the body.
        betas: `[10]`.
        rotations: `[N,22,3,3]`, the pelvis to the camera, then local.
        pelvis: `[N,3]`.
    """
    _, points, _ = figure_of(body).pose(betas.double(), rotations.double(), pelvis.double())
    return points.numpy()


def describe(observed: Observations, places: Array, sure: Array) -> Quality:
    """Quality of a motion from the landmarks that speak for it.

    Args:
        observed: landmarks of M frames.
        places: `[M,33,3]`, where the recovered body has them.
        sure: `[M]`, how sure the network was of each frame's tokens; 0 where the motion is a substitute.
    """
    settings = KinematicSettings()
    weights = landmark_weights(observed.rays, observed.visibility, observed.seen, settings)
    support = support_of(places, observed.rays, weights, settings)
    return Quality(
        valid=near_evidence(observed.seen) & (sure > 0),
        confidence=confidence_of(support) * np.sqrt(np.clip(sure, 0, 1))[:, None],
        depth_sigma=depth_sigma_of(places, weights * support, observed.seen, settings),
    )
