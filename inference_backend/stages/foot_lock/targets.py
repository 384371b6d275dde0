"""Where each foot has to go: contacts pinned, corrections faded, nothing below the floor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...geometry.feet import ANKLES, BALLS, HEEL, TOE, Soles
from .pins import FootPins, faded
from .root import eased_above


@dataclass(frozen=True)
class FootTargets:
    """Wanted feet for N frames; axis 1 is left, right.

    Attributes:
        ankle: `[N,2,3]`, metres.
        foot, toes: `[N,2,3,3]`, global rotations.
        weight: `[N,2]`, 1 in contact, 0 in free flight.
    """

    ankle: NDArray[np.float64]
    foot: NDArray[np.float64]
    toes: NDArray[np.float64]
    weight: NDArray[np.float64]


def foot_targets(
    soles: Soles,
    pins: list[FootPins],
    ankle: NDArray[np.float64],
    foot: NDArray[np.float64],
    toes: NDArray[np.float64],
    time_s: NDArray[np.float64],
    blend_s: float,
    strength: float,
) -> FootTargets:
    """Correct both feet so that their contacts stand at their pins.

    Args:
        soles: rest geometry.
        pins: of the left and the right foot.
        ankle, foot, toes: the feet as they are: `[N,2,3]`, `[N,2,3,3]`, `[N,2,3,3]`.
        time_s: `[N]`.
        blend_s: seconds over which corrections fade.
        strength: 0..1.
    """
    points = soles.place(ankle, foot, toes)[:, :, [HEEL, TOE]]
    sides = [
        _one_foot(soles, s, pins[s], points[:, s], foot[:, s], toes[:, s], time_s, blend_s, strength) for s in (0, 1)
    ]
    return FootTargets(*(np.stack(values, axis=1) for values in zip(*sides, strict=True)))


def _one_foot(
    soles: Soles,
    side: int,
    pins: FootPins,
    points: NDArray[np.float64],
    foot: NDArray[np.float64],
    toes: NDArray[np.float64],
    time_s: NDArray[np.float64],
    blend_s: float,
    strength: float,
) -> tuple[NDArray[np.float64], ...]:
    rest_ankle, rest_ball = soles.joints[ANKLES[side]], soles.joints[BALLS[side]]
    flat_runs = [run for run, _ in pins.flat]
    new_foot = _turn(foot, _lay_flat(soles.flat[side], pins, foot, strength), flat_runs, time_s, blend_s)
    new_toes = _turn(toes, _lay_flat(soles.flat[side], pins, toes, strength), flat_runs, time_s, blend_s)
    to_heel = new_foot @ (soles.points[side, HEEL] - rest_ankle)
    to_ball = new_foot @ (rest_ball - rest_ankle)
    to_toe = to_ball + new_toes @ (soles.points[side, TOE] - rest_ball)
    ankles, shares = [], []
    for k, arm in ((HEEL, to_heel), (TOE, to_toe)):
        wanted = np.zeros_like(points[:, k])
        for (a, b), place in zip(pins.runs[k], pins.places[k], strict=True):
            wanted[a:b] = strength * (place - points[a:b, k])
        correction, weight = faded(pins.runs[k], wanted, time_s, blend_s)
        ankles.append(points[:, k] + correction - arm)
        shares.append(weight)
    # A point in contact outweighs one that is fading; both in contact agree, as the foot is rigid and flat.
    weights = np.stack(shares)
    share = (weights + 1e-6) / (1 - weights + 1e-3)
    free = points[:, HEEL] - foot @ (soles.points[side, HEEL] - rest_ankle)
    held = np.einsum("kn,kni->ni", share / share.sum(0), np.stack(ankles))
    weight = weights.max(0)
    touched = (weight > 0) | (new_foot != foot).any((1, 2))
    return np.where(touched[:, None], held, free), new_foot, new_toes, weight


def _lay_flat(
    flat: NDArray[np.float64], pins: FootPins, rotation: NDArray[np.float64], strength: float
) -> NDArray[np.float64]:
    """Rotation vectors `[N,3]` that lay a foot flat with its heading where heel and toe both stand; else 0."""
    turn = np.zeros((len(rotation), 3))
    for (a, b), yaw in pins.flat:
        target = Rotation.from_rotvec([0, yaw, 0]).as_matrix() @ flat
        turn[a:b] = strength * Rotation.from_matrix(target @ rotation[a:b].transpose(0, 2, 1)).as_rotvec()
    return turn


def _turn(
    rotation: NDArray[np.float64],
    turn: NDArray[np.float64],
    runs: list[tuple[int, int]],
    time_s: NDArray[np.float64],
    blend_s: float,
) -> NDArray[np.float64]:
    correction, weight = faded(runs, turn, time_s, blend_s)
    turned = Rotation.from_rotvec(correction).as_matrix() @ rotation
    return np.where((weight > 0)[:, None, None], turned, rotation)


def lift_over_floor(
    soles: Soles, targets: FootTargets, time_s: NDArray[np.float64], blend_s: float
) -> NDArray[np.float64]:
    """Heights `[N,2]`, metres, by which to raise each ankle so that no point of its sole is below y = 0.

    Feet in the air begin to rise before they would touch and settle after; feet in contact are raised only as far as
    they need.
    """
    lowest = soles.place(targets.ankle, targets.foot, targets.toes)[..., 1].min(2)
    need = np.maximum(-lowest, 0)
    eased = np.stack([eased_above(need[:, side], time_s, blend_s) for side in (0, 1)], axis=1)
    return np.maximum(need, eased * (1 - targets.weight))
