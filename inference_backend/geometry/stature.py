"""The same person, larger or smaller."""

import numpy as np
import torch
from numpy.typing import NDArray

from ..body.body import Body

_BETA_SIGMA = 1.0
_POSITION_M = 0.01


def resized(body: Body, betas: NDArray[np.floating], scale: float) -> tuple[NDArray[np.float64], float]:
    """Betas of a person who is `scale` times as large, as nearly as the shape space has one.

    Least squares over the places, seen from the pelvis, of the 22 rest joints and the body's named points; changes of
    betas cost their own prior, so that proportions stay where they can.

    Args:
        body: `body.Body`.
        betas: `[10]`.
        scale: 1 keeps the size.

    Returns:
        Betas `[10]`, and the scale that they have (the best similarity of the new rest pose to the old one).
    """
    points = list(body.points.values())
    rest = torch.cat([body.J_template[:22], body.v_template[points]]).double().cpu().numpy()
    by_beta = torch.cat([body.J_shapedirs[:22], body.shapedirs[points]]).double().cpu().numpy()
    rest, by_beta = rest - rest[0], by_beta - by_beta[0]
    betas = np.asarray(betas, np.float64)
    old = rest + by_beta @ betas
    columns = by_beta.reshape(-1, len(betas)) / _POSITION_M
    wanted = ((scale - 1) * old).ravel() / _POSITION_M
    change = np.linalg.solve(columns.T @ columns + np.eye(len(betas)) / _BETA_SIGMA**2, columns.T @ wanted)
    new = old + by_beta @ change
    return betas + change, float((new * old).sum() / (old * old).sum())
