"""The SMPL-X skeleton as names and parents: the vocabulary that the backend and the add-on share.

Order, names and parents are those of SMPL-X (Pavlakos et al., CVPR 2019). Joints 0..21 are the body
(pelvis and 21 rotating joints), 22 the jaw, 23/24 the eyes, 25..39 the left and 40..54 the right hand.
"""

from typing import Final

BODY_JOINTS: Final[tuple[str, ...]] = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
)
FACE_JOINTS: Final[tuple[str, ...]] = ("jaw", "left_eye_smplhf", "right_eye_smplhf")
FINGERS: Final[tuple[str, ...]] = ("index", "middle", "pinky", "ring", "thumb")
HAND_JOINTS: Final[tuple[str, ...]] = tuple(
    f"{side}_{finger}{segment}" for side in ("left", "right") for finger in FINGERS for segment in (1, 2, 3)
)
JOINTS: Final[tuple[str, ...]] = BODY_JOINTS + FACE_JOINTS + HAND_JOINTS
"""All 55 joint names, in SMPL-X order."""

BODY_PARENTS: Final[tuple[int, ...]] = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19,
)  # fmt: skip


def _hand_parents(first: int, wrist: int) -> tuple[int, ...]:
    return tuple(wrist if i % 3 == 0 else first + i - 1 for i in range(15))


PARENTS: Final[tuple[int, ...]] = (*BODY_PARENTS, 15, 15, 15, *_hand_parents(25, 20), *_hand_parents(40, 21))
"""Parent index of each of the 55 joints; -1 for the pelvis."""


def _body_ancestors() -> tuple[int, ...]:
    ancestor = list(range(len(BODY_JOINTS)))
    for joint in range(len(BODY_JOINTS), len(JOINTS)):
        ancestor.append(ancestor[PARENTS[joint]])
    return tuple(ancestor)


BODY_ANCESTOR: Final[tuple[int, ...]] = _body_ancestors()
"""Nearest body joint up the chain from each of the 55 joints: the head or a wrist for face and fingers, else itself."""

CONTACT_POINTS: Final[tuple[str, ...]] = ("left_heel", "left_toe", "right_heel", "right_toe")
"""Columns of every contact array."""
