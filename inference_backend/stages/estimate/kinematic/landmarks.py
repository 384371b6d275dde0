"""Where BlazePose's landmarks sit on the body: the estimator's figure.

The large joints' landmarks are taken at the body's joints, which are anatomical joint centres; fingers at their
knuckles; heels, toes and the face at named points of the skin. Each rides rigidly on the last joint that moves it.
"""

from typing import Final

import torch
from torch import Tensor

from ....body.body import Body
from ....geometry.blazepose import LANDMARKS
from ....protocol.skeleton import BODY_JOINTS, JOINTS
from .figure import Figure

_JOINT_OF_PART: Final[dict[str, str]] = {
    "shoulder": "collar", "elbow": "shoulder", "wrist": "elbow", "pinky": "wrist", "index": "wrist", "thumb": "wrist",
    "hip": "pelvis", "knee": "hip", "ankle": "knee", "heel": "ankle", "foot_index": "foot",
}  # fmt: skip
# Landmark part -> joint or named skin point of the body.
_PLACES: Final[dict[str, str]] = {
    "shoulder": "shoulder", "elbow": "elbow", "wrist": "wrist", "pinky": "pinky1", "index": "index1", "thumb": "thumb2",
    "hip": "hip", "knee": "knee", "ankle": "ankle", "heel": "heel", "foot_index": "big_toe",
}  # fmt: skip


# Where the landmarker puts a landmark relative to that place, metres outward, up and forward in the rest pose;
# measured on the rendered sample clip, both sides averaged, and halved, since that is one person in one set of clothes.
_SHIFTS: Final[dict[str, tuple[float, float, float]]] = {
    "nose": (0.0, 0.005, -0.005), "eye": (-0.002, 0.0035, -0.0065), "ear": (-0.011, -0.004, 0.01),
    "shoulder": (-0.004, 0.0045, 0.0), "elbow": (0.0, 0.0, 0.004), "hip": (-0.0045, 0.0, 0.0095),
    "knee": (0.0, 0.004, -0.0045), "ankle": (0.0, 0.013, 0.0), "heel": (0.0, 0.0035, 0.0075),
    "foot_index": (0.01, 0.0055, -0.0025), "index": (-0.0055, -0.003, -0.004), "pinky": (-0.0025, 0.0, 0.0085),
    "thumb": (0.004, 0.0025, -0.006),
}  # fmt: skip


def _shift(landmark: str) -> Tensor:
    side, part = _split(landmark)
    outward, up, forward = _SHIFTS.get(part, (0.0, 0.0, 0.0))
    return torch.tensor([-outward if side == "right" else outward, up, forward], dtype=torch.float64)


def _split(landmark: str) -> tuple[str, str]:
    """`left_foot_index` -> (`left`, `foot_index`); `nose` -> (``, `nose`)."""
    words = landmark.split("_")
    side = next((w for w in words if w in ("left", "right")), "")
    return side, "_".join(w for w in words if w != side)


def figure_of(body: Body) -> Figure:
    """The estimator's figure of a body: 22 joints and 33 landmarks.

    A body that does not name a point of the face (a user's own file) lends the landmark its head joint's nearest named
    point; only nose, eyes and ears are used as evidence.
    """
    joints, joints_by_beta = body.J_template.double().cpu(), body.J_shapedirs.double().cpu()
    points, points_by_beta = [], []
    for landmark in LANDMARKS:
        place = place_of(landmark)
        if place not in body.points and place not in JOINTS:
            place = f"{_split(landmark)[0]}_eye" if "eye" in landmark else "nose"
        if place in JOINTS:
            j = JOINTS.index(place)
            at, by_beta = joints[j], joints_by_beta[j]
        else:
            v = body.points[place]
            at, by_beta = body.v_template[v].double().cpu(), body.shapedirs[v].double().cpu()
        points.append(at + _shift(landmark))
        points_by_beta.append(by_beta)
    body_joints = len(BODY_JOINTS)
    return Figure(
        joints[:body_joints],
        joints_by_beta[:body_joints],
        torch.stack(points),
        torch.stack(points_by_beta),
        torch.tensor([joint_of(landmark) for landmark in LANDMARKS]),
    )


def place_of(landmark: str) -> str:
    """The joint or named skin point at which a landmark is taken."""
    side, part = _split(landmark)
    if part in _PLACES:
        return f"{side}_{_PLACES[part]}"
    return f"{side}_{part}" if side else part


def joint_of(landmark: str) -> int:
    """The body joint that a landmark is attached to."""
    side, part = _split(landmark)
    if part in _JOINT_OF_PART:
        joint = _JOINT_OF_PART[part]
        return BODY_JOINTS.index(joint if joint == "pelvis" else f"{side}_{joint}")
    return BODY_JOINTS.index("head")
