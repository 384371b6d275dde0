"""Bones between BlazePose's landmarks: what is told of a pose as directions, whatever its size."""

from typing import Final

import torch
from torch import Tensor

from .blazepose import INDEX, LANDMARKS

_BONES: Final[tuple[tuple[str, str], ...]] = (
    ("hips", "shoulders"),
    ("right_hip", "left_hip"),
    ("right_shoulder", "left_shoulder"),
    ("right_ear", "left_ear"),
    ("ears", "nose"),
    *(
        (f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (
            ("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "index"), ("wrist", "pinky"),
            ("hip", "knee"), ("knee", "ankle"), ("heel", "foot_index"), ("ankle", "foot_index"),
        )
    ),
)  # fmt: skip


def _ends(name: str) -> list[int]:
    if name in INDEX:
        return [INDEX[name]]
    return [INDEX[f"{side}_{name[:-1]}"] for side in ("left", "right")]


def _bone_matrix() -> Tensor:
    """`[Nb,33]`: from landmarks to bone vectors."""
    matrix = torch.zeros(len(_BONES), len(LANDMARKS), dtype=torch.float64)
    for row, (start, end) in enumerate(_BONES):
        for name, sign in ((start, -1.0), (end, 1.0)):
            for i in _ends(name):
                matrix[row, i] = sign / len(_ends(name))
    return matrix


BONES: Final = _bone_matrix()
"""`[Nb,33]`, float64: from landmarks to bone vectors."""
