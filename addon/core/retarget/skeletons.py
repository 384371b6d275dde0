"""Source and target of a retargeting as arrays, both in one space: the target armature's own, at its object's place.

Lengths are the armature's units. Rotations are quaternions, scalar first. Joints are SMPL-X's 55.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ....inference_backend.protocol.skeleton import JOINTS

Array = NDArray[np.float64]

JOINT: Final[dict[str, int]] = {name: i for i, name in enumerate(JOINTS)}


@dataclass(frozen=True)
class SourceMotion:
    """A recovered motion, T keys.

    Attributes:
        time_s: `[T]`, seconds, rising.
        rest: `[55,3]`, joints at rest; rest_tails: `[55,3]`, ends of their bones.
        turns: `[T,55,4]`, how each joint has turned since the rest pose.
        places: `[T,55,3]`, the joints.
        root: `[T,3]`, floor point of the root bone; root_turns: `[T,4]`, its heading.
        contact: bool `[T,4]`, in the order of `CONTACT_POINTS`.
        up: `[3]`, against gravity; the floor goes through the origin at rest.
    """

    time_s: Array
    rest: Array
    rest_tails: Array
    turns: Array
    places: Array
    root: Array
    root_turns: Array
    contact: NDArray[np.bool_]
    up: Array


@dataclass
class Node:
    """A bone of the target that matters: mapped, a control, or between such.

    Its rotation is R_follow C B, its place p_follow + R_follow c + R_axes A l, with B and l the channels of the pose
    bone. `follow`s are node indices, -1 the armature object itself.

    Attributes:
        name: of the bone.
        head, tail: `[3]`, at rest; rest: `[4]`, rest axes.
        turn_follow, turn_offset: what its rotation hangs from, and C `[4]`.
        place_follow, place_offset: what its place hangs from, and c `[3]`.
        axes_follow, axes: what its location channel's axes hang from, and A `[4]`.
        basis, location: what B `[4]` and l `[3]` are unless they are retargeted.
        movable: its location channel moves it.
    """

    name: str
    head: Array
    tail: Array
    rest: Array
    turn_follow: int
    turn_offset: Array
    place_follow: int
    place_offset: Array
    axes_follow: int
    axes: Array
    basis: Array = field(default_factory=lambda: np.array([1.0, 0.0, 0.0, 0.0]))
    location: Array = field(default_factory=lambda: np.zeros(3))
    movable: bool = True


@dataclass
class TargetRig:
    """A target and what its bones show.

    Attributes:
        nodes: parents before children.
        parts: node indices by part of the body, in series.
        twist: node indices by joint.
        root: node of the root bone, or None.
        follow: pairs of node indices: the first moves along with the second.
        ik: by limb, node indices of control, pole and toe (None where absent).
        match: rule by part, where it is not the usual one.
        unit_m: metres of one armature unit.
        tips: `[3]` by part: where its last bone ends at rest, when that is known better than from the bone's tail.
    """

    nodes: list[Node]
    parts: dict[str, list[int]]
    twist: dict[str, list[int]] = field(default_factory=dict)
    root: int | None = None
    follow: list[tuple[int, int]] = field(default_factory=list)
    ik: dict[str, tuple[int, int | None, int | None]] = field(default_factory=dict)
    match: dict[str, str] = field(default_factory=dict)
    unit_m: float = 1.0
    tips: dict[str, Array] = field(default_factory=dict)

    def joint(self, part: str) -> Array | None:
        """Rest place `[3]` of a part's joint; None for a part without a bone."""
        chain = self.parts.get(part)
        return self.nodes[chain[0]].head if chain else None
