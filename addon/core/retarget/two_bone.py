"""Two-bone inverse kinematics over a whole clip."""

import numpy as np

from ..quaternions import multiply
from .rotations import Array, about, between, normalised, rotate


def solve(first: Array, second: Array, goal: Array, hinge: Array) -> tuple[Array, Array]:
    """Turns of a limb's two bones that bring its end to a goal.

    The limb is swung by the smallest turn so that its end lies in the goal's direction, then its joint opens or closes
    in its own plane: so knees and elbows keep pointing where they did.

    Args:
        first, second: `[T,3]`, the two bones as vectors from joint to joint.
        goal: `[T,3]`, from the limb's start; brought within reach here.
        hinge: `[T,3]`, the axis that the joint bends about where the limb is so straight that its plane is not known.

    Returns:
        Two quaternions `[T,4]` that turn the bones as they stand, in the world.
    """
    a, b = np.linalg.norm(first, axis=-1), np.linalg.norm(second, axis=-1)
    length = np.clip(np.linalg.norm(goal, axis=-1), np.abs(a - b) * 1.0001 + 1e-9, (a + b) * 0.99999)

    plane = np.cross(first, second)
    sine = np.linalg.norm(plane, axis=-1, keepdims=True) / np.maximum(a * b, 1e-12)[:, None]
    side = np.sum(plane * hinge, axis=-1, keepdims=True)
    # near a straight limb the plane is noise: the hinge takes over gradually, and on its own side
    share = np.clip((sine - 0.02) / 0.10, 0.0, 1.0)
    axis = normalised(share * normalised(np.where(side < 0, -plane, plane)) + (1.0 - share) * normalised(hinge))
    bent_back = (side[:, 0] < 0) & (share[:, 0] > 0.999)  # truly bent the other way, not just noise
    axis = np.where(bent_back[:, None], -axis, axis)
    along = normalised(first)
    axis = normalised(axis - along * np.sum(axis * along, axis=-1, keepdims=True))

    # straightened first, then bent by what is needed: in the limb's own plane that is one turn about one axis
    bend = multiply(about(axis, np.pi - _angle(a, b, length)), between(second, first))
    swing = between(first + rotate(bend, second), goal)
    return swing, multiply(swing, bend)


def _angle(a: Array, b: Array, length: Array) -> Array:
    """Inner angle `[T]` at the joint of sides `a` and `b` when their ends are `length` apart."""
    return np.arccos(np.clip((a * a + b * b - length * length) / np.maximum(2 * a * b, 1e-12), -1.0, 1.0))
