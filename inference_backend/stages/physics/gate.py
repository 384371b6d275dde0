"""Which segments of a simulated motion are better than what went in."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...records.motion import WorldMotion
from .measures import FootFaults
from .settings import PhysicsSettings

Array = NDArray[np.float64]
BLEND_S = 0.3
"""Seconds over which a simulated segment begins and ends."""


@dataclass(frozen=True)
class Verdict:
    """A segment: rows `start` to `end` (exclusive), and why it was not accepted ("" when it was)."""

    start: int
    end: int
    reason: str


def segments(start: int, end: int, time_s: Array, seconds: float) -> list[tuple[int, int]]:
    """Cut rows `start` to `end` into equal pieces of about `seconds`."""
    span = time_s[end - 1] - time_s[start]
    count = max(1, round(float(span / seconds)))
    borders = np.linspace(start, end, count + 1).round().astype(int)
    return [(int(a), int(b)) for a, b in pairwise(borders) if b > a]


def assess(
    segment: tuple[int, int],
    done: NDArray[np.bool_],
    joints_deg: Array,
    pelvis_m: Array,
    before: FootFaults,
    after: FootFaults,
    settings: PhysicsSettings,
) -> Verdict:
    """Whether a segment is kept.

    Args:
        segment: its rows.
        done: bool `[N]`, the simulated body was on its feet.
        joints_deg, pelvis_m: `[N]`, how far it departs from the motion that went in.
        before, after: the feet of both.
        settings: limits.
    """
    start, end = segment
    rows = slice(start, end)
    if not done[rows].all():
        return Verdict(start, end, "fell")
    if settings.mode == "always":
        return Verdict(start, end, "")
    if joints_deg[rows].mean() > settings.max_joint_deg:
        return Verdict(start, end, "joints")
    if np.quantile(pelvis_m[rows], 0.95) > settings.max_pelvis_m:
        return Verdict(start, end, "pelvis")
    was, now = before.cost(rows), after.cost(rows)
    if was < settings.min_cost or now > (1 - settings.min_gain) * was:
        return Verdict(start, end, "no gain")
    return Verdict(start, end, "")


def weights(accepted: NDArray[np.bool_], time_s: Array) -> Array:
    """How much of the simulated motion to take in each frame `[N]`: 1 inside accepted runs, eased at their borders.

    A run that begins or ends with the clip keeps its full weight there.
    """
    out = accepted.astype(np.float64)
    edges = np.flatnonzero(np.diff(accepted.astype(np.int8)))
    for edge in edges:
        inside = edge + 1 if accepted[edge + 1] else edge
        border = time_s[edge] if accepted[edge + 1] else time_s[edge + 1]
        x = np.clip(np.abs(time_s - border) / BLEND_S, 0, 1)
        ease = x * x * (3 - 2 * x)
        near = accepted & (np.sign(time_s - border) == np.sign(time_s[inside] - border))
        out = np.where(near, np.minimum(out, ease), out)
    return out


def blend(a: WorldMotion, b: WorldMotion, weight: Array) -> tuple[Array, Array, Array]:
    """Orientation `[N,3,3]`, pose `[N,21,3,3]` and transl `[N,3]` between two motions of the same frames and shape."""

    def mix(x: Array, y: Array) -> Array:
        flat_x, flat_y = x.reshape(-1, 3, 3), y.reshape(-1, 3, 3)
        turn = Rotation.from_matrix(flat_x.transpose(0, 2, 1) @ flat_y).as_rotvec()
        share = np.repeat(weight, len(flat_x) // max(len(weight), 1))[:, None]
        return (flat_x @ Rotation.from_rotvec(share * turn).as_matrix()).reshape(x.shape)

    orient, pose = mix(a.global_orient, b.global_orient), mix(a.body_pose, b.body_pose)
    return orient, pose, a.transl + weight[:, None] * (b.transl - a.transl)
