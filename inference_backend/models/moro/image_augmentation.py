"""Augmentation of single images with keypoints, for training on image collections (MoRo's supplementary material)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .augmentation import EXTREME_CROPS, draw_crop

_CROP_SHARE = 0.1
_PHOTO_SHARE = 0.3
_SHOULDERS_TO_ANKLES = (2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14)
_LEGS = (9, 10, 11, 12, 13, 14, 19, 20, 21, 22, 23, 24)
_HEAD_AND_SHOULDERS = (0, 1, 2, 5, 15, 16, 17, 18)
_UPPER_BODY = ("shoulders", "head", "torso", "right_arm", "left_arm")

Picture = NDArray[np.uint8]


def draw_image_crop(confidence: NDArray[np.floating], rng: np.random.Generator) -> str | None:
    """Name of an extreme crop for one image in ten, by what is annotated; None for none.

    Args:
        confidence: `[44]`, OpenPose-25 and 19 extra keypoints, 0 where not annotated.
        rng: source of randomness.
    """
    if rng.random() >= _CROP_SHARE:
        return None
    there = np.asarray(confidence)[:25] > 0
    if there[list(_SHOULDERS_TO_ANKLES)].all():
        return draw_crop(rng, tuple(EXTREME_CROPS))
    if not there[list(_LEGS)].any() and there[list(_HEAD_AND_SHOULDERS)].sum() >= 2:
        return str(rng.choice(_UPPER_BODY))
    return None


def photometric(picture: Picture, rng: np.random.Generator) -> Picture:
    """Now and then blur, noise, compression or haze; now and then another contrast or colour.

    Args:
        picture: uint8 `[H,W,3]`, RGB.
        rng: source of randomness.
    """
    if rng.random() < _PHOTO_SHARE:
        picture = (_blur, _noise, _compress, _haze)[rng.integers(4)](picture, rng)
    if rng.random() < _PHOTO_SHARE:
        picture = (_contrast, _colour)[rng.integers(2)](picture, rng)
    return picture


def _blur(picture: Picture, rng: np.random.Generator) -> Picture:
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 2.5))


def _noise(picture: Picture, rng: np.random.Generator) -> Picture:
    return _clipped(picture + rng.normal(0, rng.uniform(3, 15), picture.shape))


def _compress(picture: Picture, rng: np.random.Generator) -> Picture:
    quality = int(rng.integers(15, 60))
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def _haze(picture: Picture, rng: np.random.Generator) -> Picture:
    share = rng.uniform(0.1, 0.4)
    return _clipped(picture * (1 - share) + rng.uniform(170, 240) * share)


def _contrast(picture: Picture, rng: np.random.Generator) -> Picture:
    return _clipped((picture.astype(np.float64) - 128) * rng.uniform(0.7, 1.4) + 128 + rng.uniform(-25, 25))


def _colour(picture: Picture, rng: np.random.Generator) -> Picture:
    return _clipped(picture * rng.uniform(0.8, 1.2, 3))


def _clipped(values: NDArray[np.floating]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
