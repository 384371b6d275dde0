"""The 33 BlazePose landmarks: names, left-right mirror, and groups of them."""

from typing import Final

LANDMARKS: Final[tuple[str, ...]] = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
"""Names in MediaPipe's order. `mouth_left` and `mouth_right` keep MediaPipe's word order."""

INDEX: Final[dict[str, int]] = {name: i for i, name in enumerate(LANDMARKS)}


def _mirrored(name: str) -> str:
    swap = {"left": "right", "right": "left"}
    return "_".join(swap.get(word, word) for word in name.split("_"))


MIRROR: Final[tuple[int, ...]] = tuple(INDEX[_mirrored(name)] for name in LANDMARKS)
"""For each landmark the index of its counterpart on the other side of the body."""


def _pairs(*parts: str) -> tuple[tuple[int, int], ...]:
    return tuple((INDEX[f"left_{part}"], INDEX[f"right_{part}"]) for part in parts)


SHOULDERS, HIPS = _pairs("shoulder", "hip")
"""Left and right."""
ARM_PAIRS: Final = _pairs("elbow", "wrist", "pinky", "index", "thumb")
LEG_PAIRS: Final = _pairs("knee", "ankle", "heel", "foot_index")
BODY: Final[tuple[int, ...]] = tuple(
    joint for pair in _pairs("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for joint in pair
)
"""The twelve large joints, left before right."""
