"""Rotation and focal length of a camera that turns about its own place, from matches over the whole shot at once.

Points of the background lie on rays whose directions stay; so a point at ray `v = K_a^-1 x_a` of frame a is seen in
frame b at `x_b ~ K_b R_b^T R_a v`, however far away it is (the infinite homography; Hartley and Zisserman, Multiple
View Geometry, section 8.5 and chapter 19). All rotations, one focal length and where wanted its change over time are
the minimum of all reprojection errors: Gauss-Newton, with Cauchy weights.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import splu
from scipy.spatial.transform import Rotation

from .matches import Matches

Array = NDArray[np.float64]

_ERROR_PX: Final = 0.5
_INDEPENDENT: Final = 4.0
"""Errors in pixels of the small picture, and how many of a pair's points err independently: what all of them have in
common (a lens that bends lines, parallax) does not fall with their number."""
_CAUCHY_PX: Final = (4.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""Residuals at which a point's weight is halved, step by step."""
_ZOOM_SIGMA: Final = 1.0
_HELD: Final = 1e10
_AT_ONCE: Final = 1024
_NEAREST: Final = 0.05


@dataclass(frozen=True)
class Turning:
    """A camera's turning over the frames that matches tell of.

    Attributes:
        frames: int64 `[N]`, clip frames, rising.
        turn: `[N,3,3]`, from each frame's axes to the first one's (OpenCV: x right, y down, z forward).
        zoom: `[N]`, logarithm of the focal length against the first frame's; zeros where it is taken as constant.
        focal: logarithm of the factor on the focal length that was given.
        focal_sigma: its standard deviation.
        misfit_px: `[L]`, median error of each pair, pixels of the small picture.
    """

    frames: NDArray[np.int64]
    turn: Array
    zoom: Array
    focal: float
    focal_sigma: float
    misfit_px: Array


def solve_rotation(matches: Matches, K: Array, focal_sigma: float, *, zoom: bool) -> Turning:
    """Find the turning that explains all matches.

    Args:
        matches: of one shot, all of them told; lens distortion taken out.
        K: `[3,3]`, pinhole matrix as far as it is known, pixels.
        focal_sigma: standard deviation of the logarithm of its focal length; small for one that is known.
        zoom: let the focal length change over time.
    """
    frames, index = np.unique(np.concatenate([matches.key, matches.frame]), return_inverse=True)
    a, b = index[: len(matches.key)], index[len(matches.key) :]
    problem = _Problem(a, b, _rays(matches.before, K), _rays(matches.after, K), matches.weight, float(K[0, 0]), matches)
    state = _start(problem, len(frames), zoom)
    sigma = focal_sigma
    for tolerance in _CAUCHY_PX:
        system = _System(len(frames), zoom, state, focal_sigma)
        for part in _parts(len(a)):
            _add(system, problem, state, part, tolerance)
        state, sigma = system.step(state)
    misfit = np.concatenate([_misfit(problem, state, part) for part in _parts(len(a))])
    turn = state.turn[0].T @ state.turn
    change = state.zoom - state.zoom[0] if zoom else np.zeros(len(frames))
    return Turning(frames, turn, change, state.focal + state.zoom[0], sigma, misfit)


@dataclass(frozen=True)
class _Problem:
    """Pairs of nodes a, b `[L]`; their points as rays x/z, y/z under the given K `[L,n,2]`, weights `[L,n]`."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    before: Array
    after: Array
    weight: Array
    focal_px: float
    matches: Matches

    @property
    def pixels(self) -> float:
        """Pixels of the small picture in a unit of the rays."""
        return self.focal_px / self.matches.scale


@dataclass(frozen=True)
class _State:
    turn: Array
    zoom: Array
    focal: float


def _parts(count: int) -> list[slice]:
    return [slice(i, i + _AT_ONCE) for i in range(0, count, _AT_ONCE)]


def _rays(places: Array, K: Array) -> Array:
    y = (places[..., 1] - K[1, 2]) / K[1, 1]
    x = (places[..., 0] - K[0, 2] - K[0, 1] * y) / K[0, 0]
    return np.stack([x, y], axis=-1)


def _start(problem: _Problem, count: int, zoom: bool) -> _State:
    """Pair by pair: the change of size from how far points lie apart, the turn by aligning rays (Kabsch)."""
    weight = problem.weight[..., None]
    total = np.maximum(weight.sum(1, keepdims=True), 1)
    spread = [np.sqrt(((r - (r * weight).sum(1, keepdims=True) / total) ** 2 * weight).sum((1, 2))) for r in
              (problem.before, problem.after)]  # fmt: skip
    grown = np.log(np.maximum(spread[1], 1e-9) / np.maximum(spread[0], 1e-9)) if zoom else np.zeros(len(problem.a))
    turn, size, done = np.tile(np.eye(3), (count, 1, 1)), np.zeros(count), np.zeros(count, bool)
    for i, (a, b) in enumerate(zip(problem.a, problem.b, strict=True)):
        if done[b]:
            continue
        size[b] = size[a] + grown[i]
        here = _directions(problem.before[i] * np.exp(-size[a]))
        there = _directions(problem.after[i] * np.exp(-size[b]))
        u, _, vt = np.linalg.svd((there * weight[i]).T @ here)
        step = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
        turn[b] = turn[a] @ step.T
        done[a] = done[b] = True
    return _State(turn, size, 0.0)


def _directions(rays: Array) -> Array:
    full = np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], axis=-1)
    return full / np.linalg.norm(full, axis=-1, keepdims=True)


def _projected(problem: _Problem, state: _State, part: slice) -> tuple[Array, Array, Array, Array]:
    """Rays of a under the state, the same in b's axes, where b should see them, and the relative turn."""
    a, b = problem.a[part], problem.b[part]
    size_a, size_b = (np.exp(state.focal + state.zoom[node])[:, None, None] for node in (a, b))
    flat = problem.before[part] / size_a
    ray = np.concatenate([flat, np.ones((*flat.shape[:-1], 1))], axis=-1)
    relative = state.turn[b].transpose(0, 2, 1) @ state.turn[a]
    there = ray @ relative.transpose(0, 2, 1)
    seen = size_b * there[..., :2] / np.maximum(there[..., 2:], _NEAREST)
    return ray, there, seen, relative


def _misfit(problem: _Problem, state: _State, part: slice) -> Array:
    _, _, seen, _ = _projected(problem, state, part)
    error = np.linalg.norm(seen - problem.after[part], axis=-1) * problem.pixels
    return np.nanmedian(np.where(problem.weight[part] > 0, error, np.nan), axis=1)


class _System:
    """Normal equations in blocks of four unknowns a node (a turn in its own axes, zoom) and one focal length."""

    def __init__(self, count: int, zoom: bool, state: _State, focal_sigma: float) -> None:
        self.same, self.pull, self.border = np.zeros((count, 4, 4)), np.zeros((count, 4)), np.zeros((count, 4))
        self.pairs: list[tuple[NDArray, NDArray, Array]] = []
        self.corner, self.focal_pull = focal_sigma**-2, -state.focal * focal_sigma**-2
        self.same[0] += np.eye(4) * _HELD
        precision = _ZOOM_SIGMA**-2 if zoom else _HELD
        self.same[:, 3, 3] += precision
        self.pull[:, 3] -= precision * state.zoom
        self.same += np.eye(4) * 1e-6

    def step(self, state: _State) -> tuple[_State, float]:
        """The state after one step, and the focal length's standard deviation."""
        count = len(self.same)
        nodes = np.arange(count)
        rows, columns, blocks = [nodes], [nodes], [self.same]
        for a, b, block in self.pairs:
            rows += [a, b]
            columns += [b, a]
            blocks += [block, block.transpose(0, 2, 1)]
        row, column, block = (np.concatenate(part) for part in (rows, columns, blocks))
        at = np.arange(4)
        i = np.broadcast_to(4 * row[:, None, None] + at[:, None], block.shape)
        j = np.broadcast_to(4 * column[:, None, None] + at, block.shape)
        matrix = csc_array(coo_array((block.ravel(), (i.ravel(), j.ravel())), shape=(4 * count, 4 * count)))
        factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        both = factor.solve(np.stack([self.pull.ravel(), self.border.ravel()], axis=1))
        precision = self.corner - self.border.ravel() @ both[:, 1]
        focal = (self.focal_pull - self.border.ravel() @ both[:, 0]) / precision
        change = (both[:, 0] - both[:, 1] * focal).reshape(count, 4)
        turn = state.turn @ Rotation.from_rotvec(np.clip(change[:, :3], -0.5, 0.5)).as_matrix()
        zoom = state.zoom + np.clip(change[:, 3], -0.5, 0.5)
        moved = replace(state, turn=turn, zoom=zoom, focal=state.focal + float(np.clip(focal, -0.5, 0.5)))
        return moved, float(precision**-0.5)


def _add(system: _System, problem: _Problem, state: _State, part: slice, tolerance: float) -> None:
    a, b = problem.a[part], problem.b[part]
    ray, there, seen, relative = _projected(problem, state, part)
    miss = (problem.after[part] - seen) * problem.pixels
    depth = np.maximum(there[..., 2:], _NEAREST)
    size_b = np.exp(state.focal + state.zoom[b])[:, None, None]
    # How the picture moves with the ray in b's axes: f (I - seen/f e_z^T) / z, 2 x 3.
    by_there = np.zeros((*there.shape[:-1], 2, 3))
    by_there[..., 0, 0] = by_there[..., 1, 1] = 1
    by_there[..., 2] = -seen / size_b
    by_there *= (size_b / depth)[..., None] * problem.pixels
    turned = by_there @ relative[:, None]
    to_a = np.concatenate([_cross(turned, ray), -(turned[..., :2] @ ray[..., :2, None])], axis=-1)
    to_b = np.concatenate([-_cross(by_there, there), seen[..., None] * problem.pixels], axis=-1)
    behind = there[..., 2] < _NEAREST
    weight = np.where(behind, 0, problem.weight[part]) / (1 + (miss**2).sum(-1) / tolerance**2)
    count = np.maximum(problem.weight[part].sum(1, keepdims=True), 1)
    root = np.sqrt(weight / count * _INDEPENDENT) / _ERROR_PX
    to_a, to_b = ((J * root[..., None, None]).reshape(len(a), -1, 4) for J in (to_a, to_b))
    error = (miss * root[..., None]).reshape(len(a), -1)
    focal = to_a[..., 3] + to_b[..., 3]
    for node, J in ((a, to_a), (b, to_b)):
        np.add.at(system.same, node, J.transpose(0, 2, 1) @ J)
        np.add.at(system.pull, node, np.einsum("lri,lr->li", J, error))
        np.add.at(system.border, node, np.einsum("lri,lr->li", J, focal))
    system.pairs.append((a, b, to_a.transpose(0, 2, 1) @ to_b))
    system.corner += float((focal**2).sum())
    system.focal_pull += float((focal * error).sum())


def _cross(rows: Array, vector: Array) -> Array:
    """Rows `[...,2,3]` times -[v]x: how they change with a turn d, by d x v."""
    return np.cross(vector[..., None, :], rows)
