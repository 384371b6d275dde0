"""Ten betas from a sample of people, and the joint regressor that follows them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Array = NDArray[np.float64]

BETAS: Final = 10
REGRESSOR_VERTICES: Final = 500  # nearest ones, among which the fit chooses
SUM_WEIGHT: Final = 10.0  # of "weights sum to 1" against metres in the fit; the sum is made exact afterwards
SPREAD: Final = 2e-5  # square of metres; spreads a joint over many vertices


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


def fit_regressor(mean: Array, directions: Array, joint: Array, joint_directions: Array) -> Array:
    """Sparse non-negative weights of nearby vertices that give one joint at every beta.

    Args:
        mean, directions: the vertices, `[V,3]` and `[V,3,10]`.
        joint, joint_directions: `[3]` and `[3,10]`.

    Returns:
        `[V]`, not negative, sums to 1.
    """
    near = np.argsort(np.linalg.norm(mean - joint, axis=1), kind="stable")[:REGRESSOR_VERTICES]
    columns = np.concatenate([mean[near, :, None] - joint[:, None], directions[near]], axis=2)
    target = np.concatenate([np.zeros((3, 1)), joint_directions], axis=1).ravel()
    # Normal equations in double precision: 34 rows of data against 500 columns.
    system = np.concatenate([columns.reshape(len(near), -1).T, np.full((1, len(near)), SUM_WEIGHT)])
    square = system.T @ system + SPREAD * np.eye(len(near))
    root = np.linalg.cholesky(square).T
    weights, _ = nnls(root, np.linalg.solve(root.T, system.T @ np.append(target, SUM_WEIGHT)))
    weights[weights < 1e-4] = 0.0
    regressor = np.zeros(len(mean))
    regressor[near] = weights / weights.sum()
    return regressor
