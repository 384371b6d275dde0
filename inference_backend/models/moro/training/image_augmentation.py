"""Augmentation of pictures in training: boxes of clips, and single images whole (MoRo's supplementary material)."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .augmentation import EXTREME_CROPS, ImageWarp, crop_to_part, draw_crop, draw_warp, frames_to_crop, jitter_center
from .image_warp import warp_keypoints, warp_matrix, warp_picture

CLIP_CROP_SHARE = 0.1
"""Clips that are cropped to a part of the body in pretraining on video; twice as many in the last stage."""

_CROP_SHARE = 0.1
_PHOTO_SHARE = 0.3
_SHOULDERS_TO_ANKLES = (2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14)
_LEGS = (9, 10, 11, 12, 13, 14, 19, 20, 21, 22, 23, 24)
_HEAD_AND_SHOULDERS = (0, 1, 2, 5, 15, 16, 17, 18)
_UPPER_BODY = ("shoulders", "head", "torso", "right_arm", "left_arm")

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class TrainingImage:
    """One augmented image.

    Attributes:
        crop: uint8 `[S,S,3]`, RGB.
        keypoints: `[44,3]`, x and y from -1 to 1 across the crop, and confidence.
        center: `[2]`, box centre in pixels of the image, for the box feature.
        scale: box side in pixels divided by 200, for the box feature: without the warp's enlargement, as released.
        warp: how the picture was warped; `image_warp.warp_body` does the same to the body.
    """

    crop: Picture
    keypoints: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: float
    warp: ImageWarp


def augment_image(
    picture: Picture, keypoints: NDArray, center: NDArray, scale: float, rng: np.random.Generator, size: int = 256
) -> TrainingImage:
    """Crop to a part of the body, jitter, mirror, turn, enlarge, and change how it looks, each now and then.

    Args:
        picture: uint8 `[H,W,3]`, RGB.
        keypoints: `[44,3]`, x, y in pixels and confidence: OpenPose-25, then 19 extra slots.
        center: `[2]`, box centre in pixels.
        scale: box side in pixels divided by 200.
        rng: source of randomness.
        size: side of the crop in pixels.
    """
    centers, scales = np.asarray(center, dtype=np.float64)[None], np.array([scale], dtype=np.float64)
    part = draw_image_crop(keypoints[:, 2], rng)
    if part is not None:
        centers, scales = crop_to_part(centers, scales, keypoints[None], part, np.ones(1, bool))
    centers = jitter_center(centers, scales, (picture.shape[1], picture.shape[0]), rng)
    warp = draw_warp(rng)
    matrix = warp_matrix(centers[0], float(scales[0]), warp, size)
    crop = photometric(warp_picture(picture, matrix, size), rng)
    return TrainingImage(crop, warp_keypoints(keypoints, matrix, warp, size), centers[0], float(scales[0]), warp)


def augment_boxes(
    center: NDArray,
    scale: NDArray,
    keypoints: NDArray,
    size_wh: tuple[int, int],
    rng: np.random.Generator,
    share: float = CLIP_CROP_SHARE,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Boxes of a clip: some clips are cropped to one part of the body in some of their frames; all centres jitter.

    Args:
        center: `[T,2]`, pixels.
        scale: `[T]`, box side in pixels divided by 200.
        keypoints: `[T,44,3]`, x, y in pixels and confidence.
        size_wh: the pictures' width and height.
        rng: source of randomness.
        share: clips that are cropped.

    Returns:
        New centres and scales.
    """
    if rng.random() < share:
        center, scale = crop_to_part(center, scale, keypoints, draw_crop(rng), frames_to_crop(len(scale), rng))
    return jitter_center(center, scale, size_wh, rng), np.asarray(scale, dtype=np.float64)


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
