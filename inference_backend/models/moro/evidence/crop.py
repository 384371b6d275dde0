"""Square crops of people exactly as the released backbone was fed (its pixels depend on rounding in the corners)."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_TOO_LARGE = 3
"""A box more than this many times the image's side gives a black crop."""


def crop_corners(center: NDArray, scale: float, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixel corners of a square box, truncated towards zero.

    They are found by inverting the map from image to crop, in float64 with entries rounded to float32. Corners that are
    whole numbers on paper then often come out one pixel lower; the released crops have it so.

    Args:
        center: `[2]`, pixels.
        scale: box side in pixels divided by 200.
        size: side of the crop in pixels.

    Returns:
        Upper left and lower right corner, int64 `[2]` each (x, y).
    """
    side = np.float32(200) * np.float32(scale)
    size32, half = np.float32(size), np.float32(0.5)
    to_crop = np.eye(3)
    for axis in range(2):
        to_crop[axis, axis] = size32 / side
        to_crop[axis, 2] = size32 * (-np.float32(center[axis]) / side + half)
    to_image = np.linalg.inv(to_crop)
    upper_left = (to_image @ np.array([0.0, 0.0, 1.0]))[:2].astype(np.int64)
    lower_right = (to_image @ np.array([size, size, 1.0]))[:2].astype(np.int64)
    return upper_left, lower_right


def crop_person(image: NDArray[np.uint8], center: NDArray, scale: float, size: int = 256) -> NDArray[np.uint8]:
    """Cut a square box out of an image and resize it.

    Args:
        image: uint8 `[H,W,3]`, RGB.
        center: `[2]`, box centre in pixels.
        scale: box side in pixels divided by 200.
        size: side of the result in pixels.

    Returns:
        uint8 `[size,size,3]`; zeros outside the image, all zeros where the box misses the image, is over three times
        its size, or is not finite.
    """
    height, width = image.shape[:2]
    black = np.zeros((size, size, 3), np.uint8)
    finite = np.isfinite(center).all() and np.isfinite(scale)
    if not (finite and 0 < 200 * scale <= _TOO_LARGE * max(height, width) + 2):
        return black
    upper_left, lower_right = crop_corners(center, scale, size)
    extent = lower_right - upper_left
    outside = (upper_left >= (width, height)).any() or (lower_right < 0).any()
    if outside or (extent > (_TOO_LARGE * width, _TOO_LARGE * height)).any() or (extent < 1).any():
        return black
    box = np.zeros((extent[1], extent[0], 3), np.uint8)
    first = np.clip(upper_left, 0, (width, height))
    last = np.clip(lower_right, 0, (width, height))
    into = first - upper_left
    to = last - upper_left
    box[into[1] : to[1], into[0] : to[0]] = image[first[1] : last[1], first[0] : last[0]]
    return np.asarray(Image.fromarray(box).resize((size, size), Image.Resampling.BILINEAR))
