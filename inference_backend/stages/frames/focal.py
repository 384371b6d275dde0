"""Focal length from what cameras write into their files."""

import math
from collections.abc import Mapping
from fractions import Fraction

_FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)
# EXIF in photographs, and Apple's key in QuickTime files.
_KEYS = ("FocalLengthIn35mmFilm", "com.apple.quicktime.camera.focal_length.35mm_equivalent")


def focal_from_metadata(tags: Mapping[str, str], size_wh: tuple[int, int]) -> float:
    """Focal length in pixels from a 35 mm equivalent, which relates to the picture's diagonal (CIPA DCG-001), or 0.

    Args:
        tags: metadata of the file, stream or picture.
        size_wh: width and height of the picture in pixels.
    """
    for key in _KEYS:
        millimetres = _number(tags.get(key, ""))
        if 5.0 <= millimetres <= 2000.0:
            return millimetres / _FILM_DIAGONAL_MM * math.hypot(*size_wh)
    return 0.0


def _number(text: str) -> float:
    try:
        return float(Fraction(text.strip().replace(":", "/")))
    except (ValueError, ZeroDivisionError):
        return 0.0
