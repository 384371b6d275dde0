"""Where feet in contact are to stand, and how corrections fade around contacts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry.banded import smooth
from ...geometry.feet import HEEL, TOE, Soles

Interval = tuple[int, int]
"""First row and the row after the last."""


def intervals(mask: NDArray[np.bool_]) -> list[Interval]:
    """Runs of True in `[N]`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def split_wandering(
    run: Interval, xz: NDArray[np.float64], time_s: NDArray[np.float64], limit: float, gap_s: float
) -> list[Interval]:
    """Cut a contact that two places more than `limit` apart explain better than one.

    The frames around a cut, `gap_s` seconds, are released so that the foot can travel. Contacts that already stand at
    their places are cut where they were cut before.
    """
    start, end = run
    path = xz[start:end]
    if end - start < 4:
        return [run]
    count = np.arange(1, end - start)[:, None]
    total, square = np.cumsum(path, 0), np.cumsum(path**2, 0)
    left = square[:-1] - total[:-1] ** 2 / count
    right = (square[-1] - square[:-1]) - (total[-1] - total[:-1]) ** 2 / (len(path) - count)
    cut = 1 + int((left + right).sum(1).argmin())
    if np.linalg.norm(np.median(path[cut:], axis=0) - np.median(path[:cut], axis=0)) <= limit:
        return [run]
    cut += start
    middle = 0.5 * (time_s[cut - 1] + time_s[cut])
    before = int(np.searchsorted(time_s[start:cut], middle - gap_s / 2, side="right")) + start
    after = int(np.searchsorted(time_s[cut:end], middle + gap_s / 2)) + cut
    parts = [part for part in ((start, before), (after, end)) if part[1] - part[0] >= 2]
    return [piece for part in parts for piece in split_wandering(part, xz, time_s, limit, gap_s)]


@dataclass(frozen=True)
class FootPins:
    """Where one foot stands.

    Attributes:
        runs: contact intervals of the heel and of the toe.
        places: for each of them the point's place `[3]`, metres, on the floor.
        flat: intervals in which heel and toe both stand, with the heading (radians about y) of the flat foot.
    """

    runs: tuple[list[Interval], list[Interval]]
    places: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]
    flat: list[tuple[Interval, float]]


def place_pins(
    points: NDArray[np.float64],
    heading: NDArray[np.float64],
    contact: NDArray[np.bool_],
    time_s: NDArray[np.float64],
    soles: Soles,
    side: int,
    split_m: float,
    gap_s: float,
) -> FootPins:
    """Give every contact of a foot one place on the floor, such that a rigid foot can meet heel and toe at once.

    Of contacts that overlap in time, the longest stands at its own median; the others follow from the length
    of the foot and its median heading while both stand.

    Args:
        points: `[N,2,3]`, heel and toe.
        heading: `[N]`, radians, of the foot about y.
        contact: bool `[N,2]`.
        time_s: `[N]`.
        soles: rest geometry.
        side: 0 left, 1 right.
        split_m, gap_s: see `split_wandering`.
    """
    calm = smooth(time_s, points[..., [0, 2]].mean(1), 0.3)
    whole = contact.any(1)
    held = np.zeros_like(whole)
    for run in intervals(whole):
        for start, end in split_wandering(run, calm, time_s, split_m, gap_s):
            held[start:end] = True
    runs = tuple(intervals(contact[:, k] & held) for k in (HEEL, TOE))
    heel_to_toe = soles.flat[side] @ (soles.points[side, TOE] - soles.points[side, HEEL])
    flat, links = [], []
    for i, j, both in _overlaps(*runs):
        yaw = _median_angle(heading[both[0] : both[1]])
        flat.append((both, yaw))
        offset = np.array([np.sin(yaw) * heel_to_toe[2] + np.cos(yaw) * heel_to_toe[0], 0.0, 0.0])
        offset[2] = np.cos(yaw) * heel_to_toe[2] - np.sin(yaw) * heel_to_toe[0]
        links.append((i, j, offset))
    own = {
        (k, i): np.median(points[a:b, k], axis=0) * [1, 0, 1] for k in (HEEL, TOE) for i, (a, b) in enumerate(runs[k])
    }
    spots = _propagate(own, {key: runs[key[0]][key[1]] for key in own}, links)
    places = tuple([spots[k, i] + [0, soles.clearance[side, k], 0] for i in range(len(runs[k]))] for k in (HEEL, TOE))
    return FootPins(runs, places, flat)


def _overlaps(heels: list[Interval], toes: list[Interval]) -> list[tuple[int, int, Interval]]:
    found, j = [], 0
    for i, (a, b) in enumerate(heels):
        while j < len(toes) and toes[j][1] <= a:
            j += 1
        k = j
        while k < len(toes) and toes[k][0] < b:
            found.append((i, k, (max(a, toes[k][0]), min(b, toes[k][1]))))
            k += 1
    return found


def _median_angle(angle: NDArray[np.float64]) -> float:
    mean = np.arctan2(np.sin(angle).mean(), np.cos(angle).mean())
    off = np.arctan2(np.sin(angle - mean), np.cos(angle - mean))
    return float(mean + np.median(off))


def _propagate(
    own: dict[tuple[int, int], NDArray[np.float64]],
    runs: dict[tuple[int, int], Interval],
    links: list[tuple[int, int, NDArray[np.float64]]],
) -> dict[tuple[int, int], NDArray[np.float64]]:
    """Contacts of one point do not overlap each other, so links form trees: walk each from its longest contact."""
    near: dict[tuple[int, int], list[tuple[tuple[int, int], NDArray[np.float64]]]] = {key: [] for key in own}
    for i, j, offset in links:
        near[HEEL, i].append(((TOE, j), offset))
        near[TOE, j].append(((HEEL, i), -offset))
    placed: dict[tuple[int, int], NDArray[np.float64]] = {}
    for key in sorted(own, key=lambda key: runs[key][0] - runs[key][1]):
        if key in placed:
            continue
        placed[key] = own[key]
        stack = [key]
        while stack:
            at = stack.pop()
            for other, offset in near[at]:
                if other not in placed:
                    placed[other] = placed[at] + offset
                    stack.append(other)
    return placed


def faded(
    runs: list[Interval], wanted: NDArray[np.float64], time_s: NDArray[np.float64], blend_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corrections that hold inside intervals and fade outside them.

    Outside, the correction of the nearest border frame is faded, so that a corrected motion needs no further
    correction. Between two close intervals one fades into the other.

    Args:
        runs: sorted, disjoint.
        wanted: `[N,C]`, correction for each frame; read inside intervals only.
        time_s: `[N]`.
        blend_s: seconds.

    Returns:
        correction `[N,C]`, and its weight `[N]`, 1 inside.
    """
    correction, weight = np.zeros_like(wanted), np.zeros(len(wanted))
    for n, (a, b) in enumerate(runs):
        correction[a:b], weight[a:b] = wanted[a:b], 1.0
        before = time_s[a] - time_s[runs[n - 1][1] - 1] if n else np.inf
        after = time_s[runs[n + 1][0]] - time_s[b - 1] if n + 1 < len(runs) else np.inf
        fades = (
            (np.arange(np.searchsorted(time_s, time_s[a] - min(blend_s, before), "right"), a), a, min(blend_s, before)),
            (np.arange(b, np.searchsorted(time_s, time_s[b - 1] + min(blend_s, after))), b - 1, min(blend_s, after)),
        )
        for rows, border, span in fades:
            x = 1 - np.abs(time_s[rows] - time_s[border]) / max(span, 1e-9)
            ease = x * x * (3 - 2 * x)
            correction[rows] += ease[:, None] * wanted[border]
            weight[rows] = np.minimum(weight[rows] + ease, 1.0)
    return correction, weight
