"""SMPL-X parameters -> what the pose bones of an armature with `RestBones` hold.

With C the change of axes (`axes.py`) and M_j the rest axes of bone j, bone j shows the world rotation C G_j C^T M_j
where G_j is SMPL-X's. Blender composes P_j = P_parent M_parent^T M_j B_j, so B_j = A_j^T R_j A_j with A_j = C^T M_j:
the local rotation R_j in another basis, for quaternions a turn of the vector part.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .axes import WORLD_TO_BLENDER, to_blender_points
from .quaternions import from_rotation_vectors, multiply
from .rest_bones import RestBones
from .root_split import split_root

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PersonMotion:
    """One person's motion as the result file has it: our world, metres, radians (axis-angle), T frames.

    Attributes:
        global_orient: `[T,3]`; body_pose: `[T,21,3]`; left_hand_pose, right_hand_pose: `[T,15,3]`.
        transl: `[T,3]`, so that pelvis = rest pelvis + transl.
    """

    global_orient: Array
    body_pose: Array
    left_hand_pose: Array
    right_hand_pose: Array
    transl: Array

    def at(self, frames: ArrayLike) -> "PersonMotion":
        """The motion at the given frames (indices or a mask)."""
        return PersonMotion(**{name: array[frames] for name, array in vars(self).items()})

    def finite(self) -> NDArray[np.bool_]:
        """Frames `[T]` in which every number is finite."""
        arrays = vars(self).values()
        return np.all([np.isfinite(a).reshape(len(a), -1).all(axis=1) for a in arrays], axis=0)


@dataclass(frozen=True)
class BonePose:
    """Channels of the pose bones, T frames.

    Attributes:
        root_location: float64 `[T,3]`, metres, Blender's world.
        root_heading: float64 `[T]`, radians about Blender's z, unwrapped.
        pelvis_location: float64 `[T,3]`, metres, in the pelvis bone's rest axes.
        rotations: float64 `[T,55,4]`, quaternions of the SMPL-X bones; signs not yet made continuous.
    """

    root_location: Array
    root_heading: Array
    pelvis_location: Array
    rotations: Array


def bone_pose(
    motion: PersonMotion,
    rest: RestBones,
    rest_pelvis: ArrayLike,
    time_s: ArrayLike,
    *,
    floor_y: float = 0.0,
    position_only: bool = False,
) -> BonePose:
    """Pose of all bones in every frame of `motion`.

    Args:
        motion: finite everywhere.
        rest: the armature.
        rest_pelvis: `[3]`, the pelvis joint of the body's own rest space, metres, y up.
        time_s: `[T]`, rising, seconds.
        floor_y: height of the floor in our world, metres.
        position_only: the root moves, but does not turn.
    """
    count = len(motion.transl)
    pelvis = np.asarray(rest_pelvis, dtype=np.float64) + motion.transl
    root = split_root(motion.global_orient, pelvis, time_s, floor_y=floor_y, position_only=position_only)

    local = np.zeros((count, 55, 3))
    local[:, 0] = motion.global_orient
    local[:, 1:22] = motion.body_pose
    local[:, 25:40] = motion.left_hand_pose
    local[:, 40:55] = motion.right_hand_pose
    quaternions = from_rotation_vectors(local)

    half = -0.5 * root.heading
    unturn = np.stack([np.cos(half), np.zeros(count), np.sin(half), np.zeros(count)], axis=-1)
    quaternions[:, 0] = multiply(unturn, quaternions[:, 0])
    basis = WORLD_TO_BLENDER.T @ rest.axes[1:]
    quaternions[..., 1:] = np.einsum("tji,jik->tjk", quaternions[..., 1:], basis)

    root_location = to_blender_points(root.position)
    # the root only turns about the vertical, and the pelvis stands right above it
    height = (to_blender_points(pelvis) - root_location)[:, 2:]
    offset = np.concatenate([np.zeros((count, 2)), height], axis=-1) - rest.heads[1]
    return BonePose(
        root_location=root_location,
        root_heading=root.heading,
        pelvis_location=offset @ rest.axes[1],
        rotations=quaternions,
    )
