"""The four levels of body parts: 24 joints, 11 parts, 6 limbs, the whole body (RopeTP's Hierarchical Attention Guided
Tokenizer). Which joints make a part is data, in `part_tables.json`.

The 24 are SMPL's joints: the 22 body joints, then the left and the right hand's fingers.
"""

import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ...body.body import Body
from ...protocol.skeleton import BODY_JOINTS, FACE_JOINTS, JOINTS

PART_JOINTS: Final[tuple[str, ...]] = (*BODY_JOINTS, "left_fingers", "right_fingers")
"""Names of the 24 joints of the finest level."""
TABLES_FILE: Final = Path(__file__).with_name("part_tables.json")
LEVELS: Final[tuple[str, ...]] = ("indep", "inter", "fulco", "whobo")
"""From single joints to the whole body."""


@dataclass(frozen=True)
class PartLevel:
    """One level.

    Attributes:
        parts: names.
        of_joint: for each of the 24 joints the part that it belongs to; read as an index, this expands parts to joints.
        mirror: for each part its counterpart on the other side of the body.
    """

    parts: tuple[str, ...]
    of_joint: tuple[int, ...]
    mirror: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.parts)


@cache
def part_levels(tables: Path = TABLES_FILE) -> dict[str, PartLevel]:
    """The levels by name.

    Args:
        tables: JSON file with the parts of the two middle levels, `{level: {part: [joints]}}`.

    Raises:
        ValueError: a joint is in no part or in two, or a part is not inside one part of the next level.
    """
    data = json.loads(tables.read_text(encoding="utf-8"))
    members = {"indep": {joint: [joint] for joint in PART_JOINTS}, **data, "whobo": {"body": list(PART_JOINTS)}}
    levels = {name: _level(name, members[name]) for name in LEVELS}
    for fine, coarse in pairwise(LEVELS):
        within: dict[int, int] = {}
        for part, parent in zip(levels[fine].of_joint, levels[coarse].of_joint, strict=True):
            if within.setdefault(part, parent) != parent:
                raise ValueError(f"{levels[fine].parts[part]} of {fine} is in two parts of {coarse}.")
    return levels


def _level(name: str, members: dict[str, list[str]]) -> PartLevel:
    joints = [joint for part in members.values() for joint in part]
    if sorted(joints) != sorted(PART_JOINTS):
        odd = set(joints) ^ set(PART_JOINTS) or {joint for joint in joints if joints.count(joint) > 1}
        raise ValueError(f"Level {name} must have each of the 24 joints once; see {', '.join(sorted(odd))}.")
    parts = tuple(members)
    part_of = {joint: i for i, part in enumerate(members.values()) for joint in part}
    mirror = tuple(parts.index(_other_side(part)) for part in parts)
    return PartLevel(parts, tuple(part_of[joint] for joint in PART_JOINTS), mirror)


def _other_side(name: str) -> str:
    side, _, rest = name.partition("_")
    return f"{ {'left': 'right', 'right': 'left'}[side] }_{rest}" if side in ("left", "right") else name


def vertex_labels(body: Body) -> Tensor:
    """Which of the 24 joints moves each vertex most: int64 `[V]`.

    The face's weights count as the head's, the fingers' as one group a hand. They are added up before the largest is
    taken, or hands and face would come out speckled.
    """
    shares = body.lbs_weights.new_zeros(len(body.v_template), len(PART_JOINTS))
    shares.index_add_(1, torch.tensor(_groups(), device=shares.device), body.lbs_weights)
    return shares.argmax(1)


def _groups() -> list[int]:
    """For each of the 55 joints its group among the 24."""
    groups = []
    for joint in JOINTS:
        if joint in BODY_JOINTS:
            groups.append(BODY_JOINTS.index(joint))
        elif joint in FACE_JOINTS:
            groups.append(BODY_JOINTS.index("head"))
        else:
            groups.append(PART_JOINTS.index(f"{joint.split('_')[0]}_fingers"))
    return groups


def face_labels(labels: Tensor, faces: Tensor) -> Tensor:
    """Label int64 `[F]` of each triangle: that of most of its vertices; where all differ, the lowest vertex's.

    Args:
        labels: int64 `[V]`.
        faces: int64 `[F,3]`.
    """
    first, second, third = labels[faces.sort(dim=1).values].unbind(1)
    return torch.where(second == third, second, first)
