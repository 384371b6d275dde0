"""Least squares over time as one banded solve: paths of vectors, smoothed with true time stamps."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded


class BandedLeastSquares:
    """Normal equations of `N` unknown vectors in time, coupled with at most `reach` neighbours.

    Collects `min_x sum_k (A_k x - b_k)^T P_k (A_k x - b_k)`; memory and time are linear in N.

    Args:
        count: N, number of unknown vectors.
        size: components of each vector.
        reach: how many frames apart two coupled vectors may be.
    """

    def __init__(self, count: int, size: int, reach: int = 2) -> None:
        self.count, self.size = count, size
        self._bands = np.zeros((size * (reach + 1), count * size))
        self._right = np.zeros((count, size))

    def add(
        self,
        coefficients: NDArray[np.float64],
        precision: NDArray[np.float64],
        target: NDArray[np.float64],
    ) -> None:
        """Add a term for every run of `k` consecutive frames: `|sum_j c_ij x_(i+j) - b_i|^2` weighted by P_i.

        Args:
            coefficients: `[M,k]` with M = N - k + 1, one scalar for each frame of the run.
            precision: `[M,size,size]`, inverse covariance, symmetric.
            target: `[M,size]`, b.
        """
        runs, width = coefficients.shape
        for a in range(width):
            weighted = precision * coefficients[:, a, None, None]
            self._right[a : a + runs] += np.einsum("mij,mj->mi", weighted, target)
            for b in range(a, width):
                self._add_blocks(weighted * coefficients[:, b, None, None], a, b - a)

    def _add_blocks(self, blocks: NDArray[np.float64], start: int, offset: int) -> None:
        size, runs = self.size, len(blocks)
        for i in range(size):
            for j in range(size):
                band = size * offset + j - i
                if band >= 0:
                    columns = slice(start * size + i, (start + runs - 1) * size + i + 1, size)
                    self._bands[band, columns] += blocks[:, j, i]

    def solve(self) -> NDArray[np.float64]:
        """The minimiser `[N,size]`. Raises `numpy.linalg.LinAlgError` where the terms do not determine it."""
        bands = self._bands[: min(len(self._bands), self.count * self.size)]
        return solveh_banded(bands, self._right.ravel(), lower=True).reshape(self.count, self.size)


def frame_seconds(time_s: NDArray[np.floating]) -> NDArray[np.float64]:
    """The span of time that each frame stands for, `[N]` seconds (trapezoid rule; 1/30 s for a lone frame)."""
    if len(time_s) < 2:
        return np.full(len(time_s), 1 / 30)
    steps = np.diff(time_s)
    return 0.5 * (np.append(steps, steps[-1]) + np.insert(steps, 0, steps[0]))


def curvature(time_s: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients `[N-2,3]` of the second derivative at uneven times, and the seconds `[N-2]` each stands for."""
    before, after = np.diff(time_s)[:-1], np.diff(time_s)[1:]
    span = 0.5 * (before + after)
    return np.stack([1 / (before * span), -1 / (before * span) - 1 / (after * span), 1 / (after * span)], 1), span


def smooth(
    time_s: NDArray[np.floating],
    values: NDArray[np.floating],
    period_s: float,
    weight: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """Smooth by penalised least squares (Whittaker 1923; Eilers, Analytical Chemistry 75, 2003), time-stamp aware.

    Minimises `int w (x - y)^2 + (period / 2 pi)^4 x''^2 dt`: straight motion is kept, an oscillation with this
    period is halved, and frames of no weight are bridged.

    Args:
        time_s: `[N]`, rising.
        values: `[N,...]`.
        period_s: seconds; 0 returns the values as they are.
        weight: `[N]`, 0 and above, relative; all one when absent.

    Returns:
        `[N,...]`, float64.
    """
    values = np.asarray(values, np.float64)
    if period_s <= 0 or len(values) < 3:
        return values.copy()
    relative = np.ones(len(values)) if weight is None else np.asarray(weight, np.float64)
    data = (relative + 1e-7) * frame_seconds(time_s)
    coefficients, span = curvature(time_s)
    strength = span * (period_s / (2 * np.pi)) ** 4
    bands = np.zeros((3, len(values)))
    bands[0] = data
    for a in range(3):
        for b in range(a, 3):
            bands[b - a, a : a + len(span)] += strength * coefficients[:, a] * coefficients[:, b]
    flat = values.reshape(len(values), -1)
    return solveh_banded(bands, data[:, None] * flat, lower=True).reshape(values.shape)
