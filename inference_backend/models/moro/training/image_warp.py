"""Mirrored, turned and enlarged crops of single images, with the keypoints and body parameters that belong to them."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ....protocol.skeleton import BODY_JOINTS
from .augmentation import ImageWarp

_OPENPOSE_MIRROR: Final = (0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21)
_EXTRA_MIRROR: Final = (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13, 14, 15, 16, 17, 18)
KEYPOINT_MIRROR: Final = (*_OPENPOSE_MIRROR, *(25 + i for i in _EXTRA_MIRROR))
"""For each of the 25 OpenPose and 19 extra keypoints its counterpart on the other side."""

_BLUR_FROM: Final = 1.1
"""Pictures that shrink by more than this are blurred first, so that fine patterns do not turn into coarse ones."""

Array = NDArray[np.float64]


def warp_matrix(center: NDArray, scale: float, warp: ImageWarp, size: int) -> Array:
    """Map from image to crop, pixels to pixels, `[2,3]`.

    Args:
        center: `[2]`, box centre in pixels; it comes to the middle of the crop.
        scale: box side in pixels divided by 200, before `warp.scale`.
        warp: mirrored first, then turned from the x towards the y axis.
        size: side of the crop in pixels.
    """
    angle = np.radians(warp.turn)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = size / (200 * scale * warp.scale) * turn @ np.diag([-1.0 if warp.mirror else 1.0, 1.0])
    shift = size / 2 - linear @ np.asarray(center, dtype=np.float64)
    return np.concatenate((linear, shift[:, None]), 1)


def warp_picture(picture: NDArray[np.uint8], matrix: Array, size: int) -> NDArray[np.uint8]:
    """Crop uint8 `[size,size,3]` of a picture uint8 `[H,W,3]`; black beyond its borders."""
    shrink = 1 / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if shrink > _BLUR_FROM:
        picture = cv2.GaussianBlur(picture, (0, 0), (shrink - 1) / 2)
    return cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR)


def warp_keypoints(keypoints: NDArray, matrix: Array, warp: ImageWarp, size: int) -> Array:
    """Keypoints in the crop.

    Args:
        keypoints: `[44,3]`, x, y in pixels of the image, and confidence: OpenPose-25, then 19 extra slots.
        matrix: `warp_matrix`.
        warp: what it was made of; a mirrored right hand is a left hand.
        size: side of the crop in pixels.

    Returns:
        `[44,3]`, x and y from -1 to 1 across the crop, and confidence.
    """
    points = np.asarray(keypoints, dtype=np.float64)
    placed = (points[:, :2] @ matrix[:, :2].T + matrix[:, 2]) / size * 2 - 1
    result = np.concatenate((placed, points[:, 2:]), 1)
    return result[list(KEYPOINT_MIRROR)] if warp.mirror else result


def warp_body(rotations: NDArray, position: NDArray, warp: ImageWarp) -> tuple[Array, Array]:
    """What a body becomes when the picture is warped, for a camera that looks at it.

    Args:
        rotations: `[22,3,3]`, the pelvis to the camera, then local rotations.
        position: `[3]`, pelvis in the camera frame, metres.
        warp: the picture's.

    Returns:
        Rotations and position. Enlarging changes neither.
    """
    rotations, position = np.asarray(rotations, dtype=np.float64), np.asarray(position, dtype=np.float64)
    if warp.mirror:
        flip = np.diag([-1.0, 1.0, 1.0])
        rotations, position = flip @ rotations[_BODY_MIRROR] @ flip, flip @ position
    angle = np.radians(warp.turn)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return np.concatenate(((turn @ rotations[0])[None], rotations[1:])), turn @ position


def _other_side(name: str) -> str:
    swap = {"left": "right", "right": "left"}
    return "_".join(swap.get(word, word) for word in name.split("_"))


_BODY_MIRROR: Final = [BODY_JOINTS.index(_other_side(name)) for name in BODY_JOINTS]
