"""Makes the body plain: smooths nipples and crotch away, as a fixed linear map of the vertices."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from .sources import BaseMesh

ROUNDS = 15
_NIPPLES = (*range(1746, 1794), *range(8418, 8466))  # rings round the two tips in MakeHuman's base mesh
_CROTCH = (4376, 4347)  # back and front on the middle line
_CROTCH_RADIUS = 0.045  # metres from the line between them


def plain_skin(mesh: BaseMesh, keep: NDArray[np.int64], quads: NDArray[np.int64]) -> csr_array:
    """A map `[V,V]` that smooths part of the skin (Laplacian smoothing with the rest held) and keeps the rest.

    Args:
        mesh: the base mesh.
        keep: which of its vertices the V vertices are, `[V]`.
        quads: the V vertices' quads, `[Q,4]`.
    """
    count = len(keep)
    start, end = mesh.vertices[list(_CROTCH)]
    along = np.clip((mesh.vertices[keep] - start) @ (end - start) / np.sum((end - start) ** 2), 0, 1)
    crotch = np.linalg.norm(mesh.vertices[keep] - start - along[:, None] * (end - start), axis=1) < _CROTCH_RADIUS
    chosen = crotch | np.isin(keep, _NIPPLES)
    pairs = np.concatenate([quads[:, [i, (i + 1) % 4]] for i in range(4)])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    pairs = pairs[chosen[pairs[:, 0]]]
    degree = np.bincount(pairs[:, 0], minlength=count)
    step = csr_array((1 / degree[pairs[:, 0]], (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    still = csr_array((np.where(chosen, 0.0, 1.0), (np.arange(count), np.arange(count))), shape=(count, count))
    smooth, step = eye_array(count, format="csr"), step + still
    for _ in range(ROUNDS):
        smooth = step @ smooth
    return smooth
