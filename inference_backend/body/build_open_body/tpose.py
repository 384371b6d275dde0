"""From MakeHuman's A-pose to SMPL-X's zero pose, baked into the vertices.

Zero pose: arms straight out along +-x with palms down, thumbs forward and elbows that bend forward; fingers straight in
the palm's plane; legs straight down along -y; feet along +z with level soles. Trunk, neck and head stay as they are.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...protocol.skeleton import FINGERS, JOINTS, PARENTS
from .skin import bone_joints, joint_weights
from .sources import Rig

Array = NDArray[np.float64]

COLLAR_RAISE: Final = np.radians(8.0)  # the shoulder girdle's share of raising the arm
TWIST_BONES: Final = ("upperarm01.L", "upperarm01.R", "lowerarm02.L", "lowerarm02.R")
_UP: Final = np.array([0.0, 1.0, 0.0])
_FORWARD: Final = np.array([0.0, 0.0, 1.0])


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def _frame(primary: Array, secondary: Array) -> Array:
    """Right-handed frames `[...,3,3]` whose first column is `primary` and whose second lies towards `secondary`."""
    x = _unit(primary)
    z = _unit(np.cross(x, secondary))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _about(axis: Array, angle: Array | float) -> Array:
    """Rotations `[...,3,3]` about unit axes `[...,3]` (Rodrigues' formula)."""
    angle = np.asarray(angle)[..., None, None]
    axis = np.broadcast_to(axis, (*angle.shape[:-2], 3))
    zero = np.zeros(axis.shape[:-1])
    x, y, z = np.moveaxis(axis, -1, 0)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*axis.shape, 3)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _swing(start: Array, end: Array) -> Array:
    """The smallest rotations that take directions `start` to `end`."""
    start, end = _unit(start), _unit(np.broadcast_to(end, start.shape))
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis, axis=-1)
    safe = axis / np.maximum(sine, 1e-12)[..., None]
    return _about(safe, np.arctan2(sine, np.sum(start * end, axis=-1)))


def _twist_angle(rotation: Array, axis: Array) -> Array:
    """Angle of the part of `rotation` that turns about `axis` (swing-twist decomposition)."""
    w = 1 + np.trace(rotation, axis1=-2, axis2=-1)
    v = np.stack(
        [
            rotation[..., 2, 1] - rotation[..., 1, 2],
            rotation[..., 0, 2] - rotation[..., 2, 0],
            rotation[..., 1, 0] - rotation[..., 0, 1],
        ],
        axis=-1,
    )
    return 2 * np.arctan2(v @ axis, w)


@dataclass(frozen=True)
class TPose:
    """Zero pose of M people: `vertices [M,V,3]` and `joints [M,55,3]`, metres, spine3 at the origin."""

    vertices: Array
    joints: Array


def _arm(side: str, at: dict[str, Array], rotations: dict[str, Array]) -> None:
    out = np.array([1.0 if side == "left" else -1.0, 0.0, 0.0])
    upper, lower = at["elbow"] - at["shoulder"], at["wrist"] - at["elbow"]
    hinge, hinge_zero = np.cross(upper, lower), np.cross(out, _FORWARD)
    rotations["collar"] = np.broadcast_to(_about(_FORWARD, out[0] * COLLAR_RAISE), (len(upper), 3, 3))
    rotations["shoulder"] = _frame(out, hinge_zero) @ _frame(upper, hinge).swapaxes(-1, -2)
    rotations["elbow"] = _frame(out, hinge_zero) @ _frame(lower, hinge).swapaxes(-1, -2)
    hand, across = at["middle1"] - at["wrist"], at["index1"] - at["pinky1"]
    rotations["wrist"] = _frame(out, _FORWARD) @ _frame(hand, across).swapaxes(-1, -2)

    # Half of each twist lies within the limb, so that neither end of it is wrung.
    swing = _swing(np.einsum("nij,nj->ni", rotations["collar"], upper), out) @ rotations["collar"]
    twist = _twist_angle(rotations["shoulder"] @ swing.swapaxes(-1, -2), out)
    rotations["upperarm01"] = _about(out, twist / 2) @ swing
    twist = _twist_angle(rotations["wrist"] @ rotations["elbow"].swapaxes(-1, -2), out)
    rotations["lowerarm02"] = _about(out, twist / 2) @ rotations["elbow"]

    for finger in FINGERS:
        if finger == "thumb":
            for segment in (1, 2, 3):
                rotations[f"thumb{segment}"] = rotations["wrist"]
            continue
        places = [np.einsum("nij,nj->ni", rotations["wrist"], at[f"{finger}{segment}"]) for segment in (1, 2, 3, 4)]
        along = (places[3] - places[0]) * [1, 0, 1]
        for segment in (1, 2, 3):
            straighten = _swing(places[segment] - places[segment - 1], along)
            rotations[f"{finger}{segment}"] = straighten @ rotations["wrist"]


def _leg(at: dict[str, Array], rotations: dict[str, Array]) -> None:
    rotations["hip"] = _swing(at["knee"] - at["hip"], -_UP)
    rotations["knee"] = _swing(at["ankle"] - at["knee"], -_UP)
    foot = (at["foot"] - at["ankle"]) * [1, 0, 1]  # MakeHuman's soles are level: only the heading changes
    rotations["ankle"] = rotations["foot"] = _swing(foot, _FORWARD)


def to_t_pose(rig: Rig, keep: NDArray[np.int64], vertices: Array, joints: Array, ends: Array) -> TPose:
    """Pose people to the zero pose.

    Args:
        rig: MakeHuman's rig.
        keep: which of the base mesh's vertices the V vertices are, `[V]`.
        vertices: M people in the A-pose, `[M,V,3]`, metres.
        joints: their joints, `[M,55,3]`, metres.
        ends: the ends of their fingers, as `skin.finger_ends` orders them, `[M,10,3]`, metres.

    Returns:
        Their zero pose.
    """
    count = len(vertices)
    rotations = np.broadcast_to(np.eye(3), (count, len(JOINTS), 3, 3)).copy()
    twists = np.empty((count, len(TWIST_BONES), 3, 3))
    for hand, (side, s) in enumerate((("left", "L"), ("right", "R"))):
        prefix = f"{side}_"
        at = {name.removeprefix(prefix): joints[:, j] for j, name in enumerate(JOINTS) if name.startswith(prefix)}
        at |= {f"{finger}4": ends[:, hand * len(FINGERS) + i] for i, finger in enumerate(FINGERS)}
        limb: dict[str, Array] = {}
        _arm(side, at, limb)
        _leg(at, limb)
        for name, rotation in limb.items():
            if prefix + name in JOINTS:
                rotations[:, JOINTS.index(prefix + name)] = rotation
            else:
                twists[:, TWIST_BONES.index(f"{name}.{s}")] = rotation

    posed = joints.copy()
    for j, parent in enumerate(PARENTS):
        if j:
            bone = np.einsum("nij,nj->ni", rotations[:, parent], joints[:, j] - joints[:, parent])
            posed[:, j] = posed[:, parent] + bone

    # Columns: the joints, then the twist bones, whose weights are taken out of their joint's.
    owner = [JOINTS.index(bone_joints(rig)[bone]) for bone in TWIST_BONES]
    own = rig.weights[:, [rig.names.index(bone) for bone in TWIST_BONES]]
    weights = np.concatenate([joint_weights(rig), own], axis=1)[keep]
    for column, joint in enumerate(owner):
        weights[:, joint] -= own[keep, column]
    pivots = np.arange(len(JOINTS)).tolist() + owner
    turns = np.concatenate([rotations, twists], axis=1)
    shifts = posed[:, pivots] - np.einsum("njab,njb->nja", turns, joints[:, pivots])
    baked = np.empty_like(vertices)
    for person in range(count):
        blended = np.tensordot(weights, turns[person], 1)
        baked[person] = np.einsum("vij,vj->vi", blended, vertices[person]) + weights @ shifts[person]
    origin = posed[:, [JOINTS.index("spine3")]]
    return TPose(vertices=baked - origin, joints=posed - origin)
