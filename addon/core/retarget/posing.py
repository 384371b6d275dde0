"""From bones' world rotations to places, and to the channels of pose bones: forward and backward along the rig."""

from collections.abc import Iterable, Set
from dataclasses import dataclass

import numpy as np

from ..quaternions import conjugate, multiply
from .rotations import rotate
from .skeletons import Array, TargetRig


@dataclass
class Posed:
    """A rig through the clip.

    Attributes:
        turns: world rotation `[T,4]` of each node; places: `[T,3]` of its head.
        basis: channel `[T,4]` of the nodes whose rotation was given; location: `[T,3]` of those that were placed.
    """

    turns: list[Array]
    places: list[Array]
    basis: dict[int, Array]
    location: dict[int, Array]


def pose(
    rig: TargetRig,
    count: int,
    turns: dict[int, Array],
    places: dict[int, Array],
    base: tuple[Array, Array] | None = None,
    only: Set[int] | None = None,
) -> Posed:
    """Pose a rig.

    Args:
        rig: the target.
        count: T.
        turns: world rotations `[T,4]` of the nodes that are turned; all others keep their channels.
        places: world places `[T,3]` of the nodes that are moved.
        base: rotation `[T,4]` and place `[T,3]` of the armature object, where it moves.
        only: the nodes that are asked for, with all that they hang from; the others get empty arrays.
    """
    posed = Posed([], [], {}, {})
    for i, node in enumerate(rig.nodes):
        if only is not None and i not in only:
            posed.turns.append(np.zeros((0, 4)))
            posed.places.append(np.zeros((0, 3)))
            continue
        space = _turn_of(posed, node.turn_follow, base)
        space = node.turn_offset if space is None else multiply(space, node.turn_offset)
        if i in turns:
            posed.basis[i] = multiply(conjugate(space), turns[i])
            shown = turns[i]
        else:
            shown = multiply(space, node.basis)
        posed.turns.append(np.broadcast_to(shown, (count, 4)))

        place = _place_of(posed, node.place_follow, node.place_offset, base)
        axes = _turn_of(posed, node.axes_follow, base)
        axes = node.axes if axes is None else multiply(axes, node.axes)
        if i in places and node.movable:
            posed.location[i] = rotate(conjugate(axes), places[i] - place)
            place = places[i]
        elif node.movable and np.any(node.location):
            place = place + rotate(axes, node.location)
        posed.places.append(np.broadcast_to(place, (count, 3)))
    return posed


def with_ancestors(rig: TargetRig, nodes: Iterable[int]) -> frozenset[int]:
    """Nodes and everything that they hang from."""
    found: set[int] = set()
    left = list(nodes)
    while left:
        i = left.pop()
        if i >= 0 and i not in found:
            found.add(i)
            left += [rig.nodes[i].turn_follow, rig.nodes[i].place_follow, rig.nodes[i].axes_follow]
    return frozenset(found)


def _turn_of(posed: Posed, follow: int, base: tuple[Array, Array] | None) -> Array | None:
    if follow >= 0:
        return posed.turns[follow]
    return base[0] if base is not None else None


def _place_of(posed: Posed, follow: int, offset: Array, base: tuple[Array, Array] | None) -> Array:
    if follow >= 0:
        return posed.places[follow] + rotate(posed.turns[follow], offset)
    return offset if base is None else base[1] + rotate(base[0], offset)
