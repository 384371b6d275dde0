"""The most plausible way through all that was accepted of a person: which frames to believe, and which side is left.

Whole bodies fail in two ways that no single picture shows: a front is taken for a back, so that left and right change
places at once, or for some frames the landmarks are somewhere else and then back. Both make the way of the landmarks
through the clip longer than it needs to be.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...geometry.blazepose import BODY, HIPS, MIRROR, SHOULDERS

Points = NDArray[np.float32]

_TORSO: Final = [*SHOULDERS, *HIPS]
_FURTHEST: Final = 0.5  # body heights: a landmark that jumps further says no more than this
# What costs nothing, in body heights a second and at most from one frame to the next: the body as a whole moves ...
_FREE_CENTRE: Final = (4.0, 0.15)
_FREE_LIMBS: Final = (1.2, 0.05)  # ... and, slower on average, its landmarks about its centre.
_EXCHANGED: Final = 0.1  # body heights a second: what it costs to call the landmarker's sides wrong
_SKIP_FRAME: Final = 0.03  # body heights: what it costs to leave a frame out ...
_SKIP_SECOND: Final = 0.4  # ... and a second
_LONGEST_SKIP_S: Final = 0.8


@dataclass(frozen=True)
class Path:
    """The way through n frames.

    Attributes:
        believed: bool `[n]`, the frame is on the way.
        exchanged: bool `[n]`, its left and right are to be exchanged.
    """

    believed: NDArray[np.bool_]
    exchanged: NDArray[np.bool_]


def most_plausible_path(points: Points, time_s: NDArray[np.float64], height: float) -> Path:
    """The shortest way of the landmarks through the clip (Viterbi 1967; two states a frame, frames may be left out).

    A body that turns passes through a view from the side, where exchanging the sides costs nothing and saves nothing;
    only the price of exchanged frames decides there, and they lose.

    Args:
        points: landmarks `[n,33,2]` of the frames in which the person was seen, pixels; n >= 1.
        time_s: their times `[n]`, rising.
        height: the person's standing height in pixels.
    """
    count = len(points)
    believed, exchanged = np.zeros(count, bool), np.zeros(count, bool)
    if count < 3:
        return Path(~believed, exchanged)
    centres = points[:, _TORSO].mean(1) / height
    either_way = np.stack([points, points[:, list(MIRROR)]])
    bodies = either_way[:, :, list(BODY)] / height - centres[:, None]  # [state, n, joint, xy]
    frame_s = float(np.median(np.diff(time_s)))
    skip_price = _SKIP_FRAME + _SKIP_SECOND * frame_s
    state_price = np.array([0.0, _EXCHANGED * frame_s])
    reach = max(1, min(count - 1, round(_LONGEST_SKIP_S / frame_s)))
    ways = np.full((reach, 2, 2, count), np.inf, np.float32)  # over a gap, from and to a state, from a frame
    for gap in range(1, reach + 1):
        ways[gap - 1, :, :, :-gap] = _ways(bodies, centres, frame_s, gap)

    skipped = skip_price * np.arange(reach)[:, None, None]
    total = np.empty((count, 2))
    came_from = np.full((count, 2, 2), -1)  # frame and state
    for frame in range(count):
        # To begin here is to leave out everything before.
        total[frame] = skip_price * frame + state_price
        before = np.arange(frame - 1, max(-1, frame - 1 - reach), -1)
        if not len(before):
            continue
        through = total[before][:, :, None] + ways[np.arange(len(before)), :, :, before] + skipped[: len(before)]
        flat = through.reshape(-1, 2)  # gap and state before, state now
        best = flat.argmin(0)
        cost = flat[best, [0, 1]] + state_price
        shorter = cost < total[frame]
        total[frame][shorter] = cost[shorter]
        came_from[frame][shorter] = np.stack([frame - 1 - best // 2, best % 2], axis=1)[shorter]
    ends = total + skip_price * np.arange(count - 1, -1, -1)[:, None]
    frame, state = np.unravel_index(ends.argmin(), ends.shape)
    while frame >= 0:
        believed[frame], exchanged[frame] = True, bool(state)
        frame, state = came_from[frame, state]
    return Path(believed, exchanged)


def _ways(bodies: Points, centres: Points, frame_s: float, gap: int) -> NDArray[np.float32]:
    """Way over `gap` frames beyond what is free, from each state to each: `[2,2,n-gap]`, body heights."""
    free_centre, free_limbs = (min(speed * frame_s, most) for speed, most in (_FREE_CENTRE, _FREE_LIMBS))
    moved = np.linalg.norm(centres[gap:] - centres[:-gap], axis=-1)
    step = np.linalg.norm(bodies[:, None, :-gap] - bodies[None, :, gap:], axis=-1)
    limbs = np.minimum(step, _FURTHEST).mean(-1)
    return np.maximum(limbs - free_limbs, 0.0) + np.clip(moved - free_centre, 0.0, _FURTHEST)
