"""Ten betas from a sample of people, and the joint regressor that follows them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Array = NDArray[np.float64]

BETAS: Final = 10
REGRESSOR_VERTICES: Final = 1000
SUM_WEIGHT: Final = 10.0  # of "weights sum to 1" against metres in the fit; the sum is made exact afterwards


@dataclass(frozen=True)
class ShapeSpace:
    """A linear shape space of points (vertices and joints together).

    Attributes:
        mean: `[P,3]`, metres.
        directions: `[P,3,10]`, metres for each unit of beta.
        explained: `[10]`, share of the sample's variance that each beta explains.
        betas: `[M,10]`, the sample's own betas: uncorrelated, mean 0, variance 1.
    """

    mean: Array
    directions: Array
    explained: Array
    betas: Array


def fit_shape_space(points: Array, stature: Array) -> ShapeSpace:
    """Principal components with stature first.

    Beta 0 is the standardised stature, its direction the regression of the points on it; betas 1..9 are the principal
    components of what is left. So all betas are uncorrelated, and since stature is a linear function of the points,
    betas 1..9 do not change it.

    Args:
        points: `[M,P,3]`, metres.
        stature: `[M]`, metres, linear in the points.
    """
    count = len(points)
    mean = points.mean(axis=0)
    rest = (points - mean).reshape(count, -1)
    total = np.sum(rest**2)
    tall = (stature - stature.mean()) / stature.std()
    first = tall @ rest / count
    explained = [count * np.sum(first**2) / total]
    rest = rest - tall[:, None] * first
    values, vectors = np.linalg.eigh(rest @ rest.T)  # M is smaller than 3 P
    values, vectors = values[::-1][: BETAS - 1], vectors[:, ::-1][:, : BETAS - 1]
    scores = vectors * np.sqrt(count)
    scores *= np.sign(np.sum(scores**3, axis=0))  # a sign that does not depend on the solver
    directions = np.concatenate([first[None], scores.T @ rest / count])
    return ShapeSpace(
        mean=mean,
        directions=directions.T.reshape(*mean.shape, BETAS),
        explained=np.concatenate([explained, values / total]),
        betas=np.concatenate([tall[:, None], scores], axis=1),
    )


def fit_regressor(
    vertices: Array, vertex_directions: Array, joints: Array, joint_directions: Array, usable: NDArray[np.bool_]
) -> Array:
    """Sparse non-negative weights of nearby vertices that give one joint at every beta.

    Args:
        vertices, vertex_directions: `[V,3]` and `[V,3,10]`.
        joints, joint_directions: `[3]` and `[3,10]` of the joint.
        usable: bool `[V]`, vertices that may carry the joint.

    Returns:
        `[V]`, not negative, sums to 1.
    """
    distance = np.where(usable, np.linalg.norm(vertices - joints, axis=1), np.inf)
    near = np.argsort(distance, kind="stable")[:REGRESSOR_VERTICES]
    near = near[np.isfinite(distance[near])]
    columns = np.concatenate([vertices[near, :, None] - joints[:, None], vertex_directions[near]], axis=2)
    target = np.concatenate([np.zeros((3, 1)), joint_directions], axis=1)
    system = np.concatenate([columns.reshape(len(near), -1).T, np.full((1, len(near)), SUM_WEIGHT)])
    weights, _ = nnls(system, np.concatenate([target.ravel(), [SUM_WEIGHT]]))
    regressor = np.zeros(len(vertices))
    regressor[near] = weights / weights.sum()
    return regressor
