"""The target armature's own space, in which all of the arithmetic takes place: scale and axes are the rig's own."""

from dataclasses import dataclass, replace
from typing import Final

import bpy
import numpy as np

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ...inference_backend.protocol.skeleton import CONTACT_POINTS, JOINTS
from ..core.quaternions import from_matrices
from ..core.retarget.skeletons import Array, SourceMotion

_UNEVEN: Final = 1e-3


@dataclass(frozen=True)
class Space:
    """World -> a target's space.

    Attributes:
        axes: `[3,3]`, columns are the target's axes in the world; mirrored rigs have a left-handed set.
        scale: metres of one unit.
        mirrored: left and right change places.
    """

    axes: Array
    scale: float
    mirrored: bool

    def points(self, world: Array) -> Array:
        """Places or offsets `[...,3]` in metres as the target's units."""
        return world @ self.axes / self.scale

    def direction(self, world: Array) -> Array:
        """Directions `[...,3]`."""
        return world @ self.axes

    def turns(self, world: Array) -> Array:
        """Rotations `[...,4]`; a mirror turns the other way about the mirrored axis."""
        sign = -1.0 if self.mirrored else 1.0
        return np.concatenate([world[..., :1], sign * (world[..., 1:] @ self.axes)], axis=-1)

    def sided(self, motion: SourceMotion) -> SourceMotion:
        """The motion with left and right exchanged in a mirrored space, where left is on the other side."""
        if not self.mirrored:
            return motion
        joints = [JOINTS.index(other_side(name)) for name in JOINTS]
        points = [CONTACT_POINTS.index(other_side(name)) for name in CONTACT_POINTS]
        return replace(
            motion,
            rest=motion.rest[joints],
            rest_tails=motion.rest_tails[joints],
            turns=motion.turns[:, joints],
            places=motion.places[:, joints],
            contact=motion.contact[:, points],
        )

    def quaternion(self) -> Array:
        """The axes as a rotation `[4]`; only of a space that is not mirrored."""
        return from_matrices(self.axes)


def other_side(name: str) -> str:
    """The joint or part of the other side; one in the middle is its own."""
    if name.startswith("left"):
        return name.replace("left", "right", 1)
    return name.replace("right", "left", 1)


def space_of(obj: bpy.types.Object) -> Space:
    """The space of a target.

    Raises:
        RecoverError: `BAD_INPUT`, it is scaled differently along its axes, or to nothing.
    """
    matrix = np.array(obj.matrix_world)[:3, :3]
    lengths = np.linalg.norm(matrix, axis=0)
    scale = float(lengths.mean())
    if scale < 1e-9:
        raise RecoverError(ErrorCode.BAD_INPUT, f"{obj.name!r} is scaled to nothing.", "Give it a scale above zero.")
    axes = matrix / scale
    if np.abs(axes.T @ axes - np.eye(3)).max() > _UNEVEN:
        spoken = ", ".join(f"{length:.3g}" for length in lengths)
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{obj.name!r} is scaled differently along its axes ({spoken}): turned bones would change their length.",
            "Give it the same scale on all axes, or apply its scale (Ctrl A, Scale).",
        )
    left, _, right = np.linalg.svd(axes)
    axes = left @ right
    return Space(axes, scale, bool(np.linalg.det(axes) < 0))
