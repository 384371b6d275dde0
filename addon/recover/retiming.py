"""Retiming keys of a strip. Blender's Python tells where they lie on the timeline, but not what the strip shows there.

That number is read from the key's own memory (`RetimingKey.as_pointer`), whose layout has changed once, in 5.0. It is
checked against all that Python does tell; where anything disagrees, the strip is refused with a sentence.
"""

import ctypes

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..compat import Strip, strip_place

_TRANSITION = 0b11

LAST_KEY_BEFORE_END = 0 if bpy.app.version >= (5, 0, 0) else 1
"""The last key stands this many frames before the end of the content: on its last frame, or (from 5.0 on) after it."""


class _Key(ctypes.Structure):
    """The start of DNA's `SeqRetimingKey`, from 5.0 on."""

    _fields_ = (
        ("place", ctypes.c_double),
        ("flag", ctypes.c_int),
        ("share", ctypes.c_float),
    )


class _KeyBefore50(ctypes.Structure):
    _fields_ = (
        ("place", ctypes.c_double),
        ("flag", ctypes.c_int),
        ("pad", ctypes.c_int),
        ("share", ctypes.c_float),
    )


def retiming_keys(strip: Strip) -> NDArray[np.float64]:
    """`[R,2]`: place in the content (scene frames) and share 0..1 of the content shown there; empty when not retimed.

    Raises:
        RecoverError: `BAD_INPUT`, a speed transition, or keys that this version of Blender stores in another way.
    """
    keys = list(getattr(strip, "retiming_keys", ()))  # image strips have none in 4.2
    if len(keys) < 2:
        return np.zeros((0, 2))
    layout = _Key if bpy.app.version >= (5, 0, 0) else _KeyBefore50
    raw = [layout.from_address(key.as_pointer()) for key in keys]
    table = np.array([(key.place, key.share) for key in raw], dtype=np.float64)
    timeline = np.array([key.timeline_frame for key in keys], dtype=np.float64)
    known = (
        np.isfinite(table).all()
        and np.abs(timeline - strip_place(strip).content_start - table[:, 0]).max() <= 1.0
        and (np.diff(table[:, 0]) > 0).all()
        and (np.diff(table[:, 1]) >= 0).all()
        and np.allclose(table[[0, -1], 1], (0.0, 1.0), atol=1e-4)
    )
    if not known:
        raise _refused(strip, "its retiming keys cannot be read in this version of Blender")
    if any(key.flag & _TRANSITION for key in raw):
        raise _refused(strip, "it has a speed transition between two retiming keys")
    return table


def _refused(strip: Strip, reason: str) -> RecoverError:
    return RecoverError(
        ErrorCode.BAD_INPUT,
        f"The strip {strip.name!r} cannot be followed: {reason}.",
        "Remove that retiming, or render the strip to a video and use that.",
    )
