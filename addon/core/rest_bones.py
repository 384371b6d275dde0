"""The armature's rest pose from SMPL-X rest joints: bones that point along the limbs, as animators expect.

SMPL-X's joint frames are all aligned with the world at rest; Blender's bones point along their own y. Turning one
into the other is a change of basis per bone, and exact: see `pose.py`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...inference_backend.protocol.skeleton import JOINTS, PARENTS
from .axes import to_blender_points

Array = NDArray[np.float64]

ROOT: Final = "root"
ROOT_LENGTH: Final = 0.3
MIN_LENGTH: Final = 0.005
"""Metres. Blender removes bones without length."""

_FORWARD: Final = np.array([0.0, 0.0, 1.0])
_UP: Final = np.array([0.0, 1.0, 0.0])

_AIM: Final[dict[str, str]] = {
    "spine1": "spine2",
    "spine2": "spine3",
    "spine3": "neck",
    "neck": "head",
} | {
    f"{side}_{joint}": f"{side}_{child}"
    for side in ("left", "right")
    for joint, child in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("ankle", "foot"),
        ("collar", "shoulder"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("wrist", "middle1"),
        *((f"{f}{n}", f"{f}{n + 1}") for f in ("index", "middle", "pinky", "ring", "thumb") for n in (1, 2)),
    )
}
"""The joint that a bone's tail lies on."""

_FREE_TAILS: Final[dict[str, tuple[Array, float]]] = {
    "head": (_UP, 0.18),
    "left_foot": (_FORWARD, 0.07),
    "right_foot": (_FORWARD, 0.07),
    "jaw": (_FORWARD, 0.08),
    "left_eye_smplhf": (_FORWARD, 0.03),
    "right_eye_smplhf": (_FORWARD, 0.03),
}
"""Direction and length in metres of bones that end without a joint."""

_FINGER_TIP_SHARE: Final = 0.8
_Z_UP: Final = ("ankle", "foot", "jaw", "eye_smplhf", "wrist", "index", "middle", "pinky", "ring", "thumb")
"""Bones whose z axis looks up in the rest pose; all others' look forward. So knees, elbows and fingers bend about x."""


@dataclass(frozen=True)
class RestBones:
    """The rest pose in the armature's own space: Blender's axes, the floor under the pelvis at its origin.

    Bone 0 is the root; bone i + 1 is SMPL-X joint i.

    Attributes:
        names: the 56 bone names.
        parents: parent bone index of each, -1 for the root.
        heads, tails: float64 `[56,3]`, metres.
        axes: float64 `[56,3,3]`, columns are the bone's x, y (along the bone) and z axis.
        origin: float64 `[3]`, metres, our axes: the point of the body's own rest space that became the origin.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    heads: Array
    tails: Array
    axes: Array
    origin: Array


def rest_bones(rest_joints: ArrayLike, floor_y: float) -> RestBones:
    """Bones of a person.

    Args:
        rest_joints: `[55,3]`, SMPL-X joints in the zero pose at the person's betas; metres, y up, facing +z.
        floor_y: lowest point of the body in the same space, metres.
    """
    joints = np.asarray(rest_joints, dtype=np.float64)
    origin = np.array([joints[0, 0], floor_y, joints[0, 2]])
    joints = joints - origin
    index = {name: i for i, name in enumerate(JOINTS)}
    vectors = np.zeros_like(joints)
    for i, name in enumerate(JOINTS):
        if name == "pelvis":  # straight up, so that its local y is the height
            vectors[i] = _UP * np.linalg.norm(joints[index["spine1"]] - joints[0])
        elif name in _AIM:
            vectors[i] = joints[index[_AIM[name]]] - joints[i]
        elif name in _FREE_TAILS:
            direction, length = _FREE_TAILS[name]
            vectors[i] = direction * length
        else:  # the last bone of a finger goes on as the one before
            vectors[i] = _FINGER_TIP_SHARE * vectors[PARENTS[i]]
        if np.linalg.norm(vectors[i]) < MIN_LENGTH:
            parent = vectors[PARENTS[i]] if i else _UP
            vectors[i] = parent / np.linalg.norm(parent) * MIN_LENGTH
    looks = np.array([_UP if name.rstrip("123").endswith(_Z_UP) else _FORWARD for name in JOINTS])
    heads = np.concatenate([np.zeros((1, 3)), to_blender_points(joints)])
    vectors = np.concatenate([[[0.0, ROOT_LENGTH, 0.0]], to_blender_points(vectors)])
    looks = np.concatenate([[[0.0, 0.0, 1.0]], to_blender_points(looks)])
    return RestBones(
        names=(ROOT, *JOINTS),
        parents=(-1, *(parent + 1 for parent in PARENTS)),
        heads=heads,
        tails=heads + vectors,
        axes=_axes(vectors, looks),
        origin=origin,
    )


def _axes(vectors: Array, looks: Array) -> Array:
    y = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    x = np.cross(y, looks)
    along = np.linalg.norm(x, axis=-1) < 1e-6  # the bone itself points that way: any other direction will do
    x[along] = np.cross(y[along], looks[along][:, [1, 2, 0]])
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], axis=-1)
