"""Where planted feet stand on the target: one place for each contact, and how a foot gets there and away.

A contact of the toes pins the ball of the foot, one of the heel the heel's point on the sole. While both touch, the
foot lies flat and still, so the two pins agree. Outside contacts the correction fades.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..limbs import spans
from ..quaternions import conjugate, from_rotation_vectors, multiply
from .rotations import between, rotate, rotation_vectors
from .skeletons import Array

Mask = NDArray[np.bool_]

BLEND_S: Final = 0.2
"""Seconds over which a correction fades before and after a contact."""


_WANDER_M: Final = 0.12
"""A foot that wanders further than this within a contact stands in several places, as the clean-up has it."""
_TRAVELS_MPS: Final = 0.3
"""A foot that is faster, and faster than a quarter of its fastest, is on its way from one place to the next."""


def standing(contact: Mask, points: Array, time_s: Array, unit_m: float) -> Mask:
    """Contacts `[T]` without the frames in which the recovered foot itself travels, as after a faulty edit of them.

    Args:
        contact: bool `[T]`.
        points: `[T,3]`, of the recovered foot.
        time_s: `[T]`, seconds.
        unit_m: metres in one unit of `points`.
    """
    contact = contact.copy()
    speed = np.linalg.norm(np.diff(points, axis=0), axis=-1) / np.maximum(np.diff(time_s), 1e-9)
    open_spans = spans(contact)
    while open_spans:
        start, stop = open_spans.pop()
        if stop - start < 2 or np.linalg.norm(np.ptp(points[start:stop], axis=0)) * unit_m <= _WANDER_M:
            continue
        steps = speed[start : stop - 1] * unit_m
        fastest = int(steps.argmax())
        fast = steps > max(0.25 * steps[fastest], _TRAVELS_MPS)
        if not fast[fastest]:
            continue
        a, b = next((a, b) for a, b in spans(fast) if a <= fastest < b)
        # it stands before the first fast step and after the last; of a jump between two frames the first one goes
        lands = start + b
        leaves = min(start + a + 1, lands - 1)
        contact[leaves:lands] = False
        open_spans += [(start, leaves), (lands, stop)]
    return contact


@dataclass(frozen=True)
class Foot:
    """A target's foot through the clip, before it is planted.

    Attributes:
        ankle: `[T,3]`; turn: `[T,4]`, E of the foot.
        heel, ball: `[3]`, from the ankle to the heel's point on the sole and to the ball's joint, in the rest pose that
            `turn` acts on.
        heel_height, ball_height: `[T]`, how high the two should be above the floor's plane through the origin.
        heel_contact, ball_contact: bool `[T]`.
    """

    ankle: Array
    turn: Array
    heel: Array
    ball: Array
    heel_height: Array
    ball_height: Array
    heel_contact: Mask
    ball_contact: Mask


@dataclass(frozen=True)
class Planted:
    """Where a foot should be.

    Attributes:
        ankle: `[T,3]`; turn: `[T,4]`, E of the foot; correction: `[T,4]`, what turned it.
        fixed: bool `[T]`, frames in which a pin holds it.
    """

    ankle: Array
    turn: Array
    correction: Array
    fixed: Mask


def plant(foot: Foot, time_s: Array, up: Array) -> Planted:
    """Give a foot its places.

    Args:
        foot: as forward kinematics leave it.
        time_s: `[T]`, seconds.
        up: `[3]`.
    """
    count = len(time_s)
    both = foot.heel_contact & foot.ball_contact
    correction_known = np.zeros((count, 3))
    for start, stop in spans(both):
        flat = _flat(foot, slice(start, stop), up)
        correction_known[start:stop] = rotation_vectors(multiply(flat, conjugate(foot.turn[start:stop])))
    correction = from_rotation_vectors(fade(correction_known, both, time_s))
    turn = multiply(correction, foot.turn)
    turn /= np.linalg.norm(turn, axis=-1, keepdims=True)

    to_heel, to_ball = rotate(turn, foot.heel), rotate(turn, foot.ball)
    pins_heel, pins_ball = _pins(foot, foot.ankle + to_heel, foot.ankle + to_ball, to_ball - to_heel, both, up)
    ankle = np.zeros((count, 3))
    ankle[foot.heel_contact] = (pins_heel - to_heel)[foot.heel_contact]
    ankle[foot.ball_contact] = (pins_ball - to_ball)[foot.ball_contact]
    fixed = foot.heel_contact | foot.ball_contact
    shift = fade(np.where(fixed[:, None], ankle - foot.ankle, 0.0), fixed, time_s)
    return Planted(foot.ankle + shift, turn, correction, fixed)


def fade(values: Array, known: Mask, time_s: Array) -> Array:
    """Values `[T,K]` where `known` `[T]`; elsewhere they fade to zero, or from one known stretch to the next.

    Smooth steps of `BLEND_S`; in shorter gaps the two fades meet.
    """
    if not known.any():
        return np.zeros_like(values)
    frames = np.flatnonzero(known)
    after = np.searchsorted(frames, np.arange(len(known)), side="right")
    before = frames[np.maximum(after - 1, 0)]
    following = frames[np.minimum(np.searchsorted(frames, np.arange(len(known))), len(frames) - 1)]
    since = np.where(after > 0, time_s - time_s[before], np.inf)
    until = np.where(following >= np.arange(len(known)), time_s[following] - time_s, np.inf)
    span = np.minimum(since + until, BLEND_S)
    w_before, w_following = (_ease(1.0 - np.minimum(t / np.maximum(span, 1e-9), 1.0)) for t in (since, until))
    filled = w_before[:, None] * values[before] + w_following[:, None] * values[following]
    return np.where(known[:, None], values, filled)


def _ease(x: Array) -> Array:
    return x * x * (3.0 - 2.0 * x)


def _flat(foot: Foot, span: slice, up: Array) -> Array:
    """The one turn `[4]` of a foot that stands on its whole sole: as it turns on average, laid flat."""
    turns = foot.turn[span]
    turns = turns * np.where(np.sum(turns * turns[:1], axis=-1, keepdims=True) < 0, -1.0, 1.0)
    mean = turns.mean(axis=0)
    mean /= np.linalg.norm(mean)
    lying = rotate(mean, foot.ball - foot.heel)
    rise = float(np.mean(foot.ball_height[span] - foot.heel_height[span]))
    flat = lying - up * (lying @ up)
    length = np.linalg.norm(lying)
    run = np.sqrt(max(length**2 - rise**2, 0.0))
    if np.linalg.norm(flat) < 1e-6 * length:
        return mean
    return multiply(between(lying, flat / np.linalg.norm(flat) * run + up * rise), mean)


def _pins(foot: Foot, heel: Array, ball: Array, sole: Array, both: Mask, up: Array) -> tuple[Array, Array]:
    """Places `[T,3]` of heel and ball in their contacts; agreeing where both touch. Other frames are zero.

    Args:
        foot: the foot.
        heel, ball: `[T,3]`, where they would be.
        sole: `[T,3]`, from heel to ball.
        both: bool `[T]`.
        up: `[3]`.
    """
    heels = [
        _Span(start, stop, _mean_place(heel, foot.heel_height, start, stop, up))
        for start, stop in spans(foot.heel_contact)
    ]
    balls = [
        _Span(start, stop, _mean_place(ball, foot.ball_height, start, stop, up))
        for start, stop in spans(foot.ball_contact)
    ]
    # Wherever both touch, one pin follows from the other; the longest such stretch of a run begins.
    for start, stop in sorted(spans(both), key=lambda span: span[0] - span[1]):
        h = next(s for s in heels if s.start <= start < s.stop)
        b = next(s for s in balls if s.start <= start < s.stop)
        offset = sole[start]
        if h.settled and not b.settled:
            b.place = h.place + offset
        elif b.settled and not h.settled:
            h.place = b.place - offset
        elif not h.settled:
            middle = (
                _mean_place(heel, foot.heel_height, start, stop, up)
                + _mean_place(ball, foot.ball_height, start, stop, up)
            ) / 2
            h.place, b.place = middle - offset / 2, middle + offset / 2
        h.settled = b.settled = True
    pins = np.zeros_like(heel), np.zeros_like(ball)
    for pin, found in zip(pins, (heels, balls), strict=True):
        for span in found:
            pin[span.start : span.stop] = span.place
    return pins


@dataclass
class _Span:
    start: int
    stop: int
    place: Array
    settled: bool = False


def _mean_place(points: Array, heights: Array, start: int, stop: int, up: Array) -> Array:
    mean = points[start:stop].mean(axis=0)
    return mean + up * (heights[start:stop].mean() - mean @ up)
