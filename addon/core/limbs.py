"""Limbs, as an animator looks for them, and how well each was seen."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...inference_backend.protocol.skeleton import BODY_JOINTS


def _side(side: str, *joints: str) -> tuple[int, ...]:
    return tuple(BODY_JOINTS.index(f"{side}_{joint}") for joint in joints)


LIMBS: Final[dict[str, tuple[int, ...]]] = {
    "trunk": tuple(BODY_JOINTS.index(j) for j in ("pelvis", "spine1", "spine2", "spine3", "left_hip", "right_hip")),
    "head": (BODY_JOINTS.index("neck"), BODY_JOINTS.index("head")),
    "left_arm": _side("left", "shoulder", "elbow", "wrist"),
    "right_arm": _side("right", "shoulder", "elbow", "wrist"),
    "left_leg": _side("left", "knee", "ankle", "foot"),
    "right_leg": _side("right", "knee", "ankle", "foot"),
}
"""Body joints of each limb."""


def limb_confidence(confidence: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Mean confidence of each limb `[T]`, 0..1, from that of the joints `[T,22]`."""
    confidence = np.nan_to_num(np.asarray(confidence, dtype=np.float64))
    return {limb: confidence[:, joints].mean(axis=1) for limb, joints in LIMBS.items()}


def spans(flags: ArrayLike) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each stretch of True in `flags` `[T]`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(flags, dtype=bool), [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
