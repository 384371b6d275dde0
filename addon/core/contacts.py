"""Foot contacts as curves that an animator can edit: per heel and toe a custom property, 0 or 1, held between keys.

Numpy only.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...inference_backend.protocol.skeleton import CONTACT_POINTS
from .keys import Curve
from .timing import KeyTimes

GROUP: Final = "contacts"

FEET: Final[dict[str, tuple[str, ...]]] = {
    "LEFT": ("left_heel", "left_toe"),
    "RIGHT": ("right_heel", "right_toe"),
    **{point.upper(): (point,) for point in CONTACT_POINTS},
}
"""What an edit can be about, and the contact points it changes."""


def contact_property(point: str) -> str:
    """Name of the custom property of a contact point."""
    return f"contact_{point}"


def contact_path(point: str) -> str:
    """Data path of the curve of a contact point."""
    return f'["{contact_property(point)}"]'


def contact_curves(contact: ArrayLike, times: KeyTimes) -> list[Curve]:
    """A curve per contact point with a key wherever it changes.

    Args:
        contact: bool `[T,4]`, in the order of `CONTACT_POINTS`.
        times: where the keys go.
    """
    shown = np.asarray(contact, dtype=bool)[times.clip_frame]
    curves = []
    for column, point in enumerate(CONTACT_POINTS):
        changes = np.flatnonzero(np.diff(shown[:, column], prepend=~shown[:1, column]))
        frames, values = times.scene_frame[changes], shown[changes, column].astype(np.float64)
        curves.append(Curve(contact_path(point), 0, GROUP, frames, values, np.ones(len(changes), dtype=bool)))
    return curves


def held_values(frames: ArrayLike, values: ArrayLike, at: ArrayLike) -> NDArray[np.float64]:
    """Values `[M]` of a held curve with keys `frames` `[N]`, N >= 1, rising, `values` `[N]`, at scene frames `at`.

    A key counts from a thousandth of a frame before it, since Blender keeps its place in single precision.
    """
    row = np.searchsorted(np.asarray(frames), np.asarray(at) + 1e-3, side="right") - 1
    return np.asarray(values, dtype=np.float64)[np.maximum(row, 0)]


def read_contacts(
    curves: dict[str, tuple[ArrayLike, ArrayLike]], contact: ArrayLike, times: KeyTimes
) -> NDArray[np.bool_]:
    """Contacts `[T,4]` as the curves say; clip frames without a key, and points without a curve, keep `contact`.

    Args:
        curves: key frames and values by contact point.
        contact: bool `[T,4]`, as they were recovered.
        times: where the clip frames lie.
    """
    edited = np.array(contact, dtype=bool)
    for column, point in enumerate(CONTACT_POINTS):
        if point in curves and len(curves[point][0]):
            frames, values = curves[point]
            edited[times.clip_frame, column] = held_values(frames, values, times.scene_frame) > 0.5
    return edited


def set_span(
    frames: ArrayLike, values: ArrayLike, start: float, stop: float, value: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keys of a held 0/1 curve after a span was set.

    Args:
        frames, values: keys `[N]` before, rising; may be empty, which means no contact anywhere.
        start, stop: scene frames, `stop` exclusive.
        value: contact, or none.

    Returns:
        Keys `[M]` after; only changes are keyed, and the first key stays where it was or moves to `start`.
    """
    frames, values = np.asarray(frames, dtype=np.float64), np.asarray(values, dtype=np.float64) > 0.5
    if len(frames) == 0:
        frames, values = np.array([start]), np.array([False])
    after = bool(held_values(frames, values, [stop])[0] > 0.5)
    keep = (frames < start) | (frames > stop)
    new_frames = np.concatenate([frames[keep], [start, stop]])
    new_values = np.concatenate([values[keep], [value, after]])
    order = np.argsort(new_frames, kind="stable")
    new_frames, new_values = new_frames[order], new_values[order]
    changed = np.diff(new_values.astype(np.int8), prepend=2) != 0
    return new_frames[changed], new_values[changed].astype(np.float64)


def span_at(frames: ArrayLike, values: ArrayLike, frame: float) -> tuple[float, float] | None:
    """The contact around scene frame `frame`: start and stop (exclusive, may be infinite); None where there is none."""
    frames, values = np.asarray(frames, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if len(frames) == 0 or held_values(frames, values, [frame])[0] < 0.5:
        return None
    row = max(int(np.searchsorted(frames, frame + 1e-3, side="right")) - 1, 0)
    later = np.flatnonzero(values[row + 1 :] < 0.5)
    earlier = np.flatnonzero(values[:row] < 0.5)
    start = frames[earlier[-1] + 1] if len(earlier) else frames[0]
    return float(start), float(frames[row + 1 + later[0]]) if len(later) else float("inf")
