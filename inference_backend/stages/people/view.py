"""The part of a picture that a landmarker looks at, and the way back to the picture."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

VIEW_SIDE: Final = 640
"""Longer side of what the landmarker gets, in pixels. Its own networks see 224 and 256 pixels of it."""
_PERSON_SHARE: Final = 2.5  # a view is this many times as wide as the person is long
_EDGE_SHARE: Final = 0.3  # of the person: closer to the view's edge the view has to move
_SMALLEST_SHARE: Final = 0.22  # a person smaller than this share of the view deserves a closer one


@dataclass(frozen=True)
class View:
    """A rectangle of the picture, in whole pixels.

    Attributes:
        x: left edge.
        y: top edge.
        width: in pixels.
        height: in pixels.
    """

    x: int
    y: int
    width: int
    height: int

    def cut(self, picture: NDArray[np.uint8], keep: NDArray[np.float32] | None = None) -> NDArray[np.uint8]:
        """The view as a picture `[h,w,3]`, its longer side at most `VIEW_SIDE`.

        Args:
            picture: `[H,W,3]`.
            keep: box x0 y0 x1 y1 in pixels of the picture; what lies outside is blacked out.
        """
        part = picture[self.y : self.y + self.height, self.x : self.x + self.width]
        scale = min(1.0, VIEW_SIDE / max(self.width, self.height))
        if scale < 1.0:
            size = max(1, round(self.width * scale)), max(1, round(self.height * scale))
            # Averaging is slow, and needed only where pixels would be passed over.
            part = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA)
        if keep is None:
            return np.ascontiguousarray(part)
        height, width = part.shape[:2]
        corners = (keep.reshape(2, 2) - (self.x, self.y)) / (self.width, self.height) * (width, height)
        (x0, y0), (x1, y1) = np.clip(corners.round().astype(int), 0, (width, height))
        only = np.zeros_like(part)
        only[y0:y1, x0:x1] = part[y0:y1, x0:x1]
        return only

    def paste(self, share: NDArray[np.float32], onto: "View", size_wh: tuple[int, int]) -> NDArray[np.float32]:
        """What this view's map `[h,w]` of the picture looks like from another view.

        Args:
            share: values over this view; 0 is assumed outside it.
            onto: the other view.
            size_wh: width and height of the map to make.
        """
        height, width = share.shape
        step = np.array([onto.width / size_wh[0] * width / self.width, onto.height / size_wh[1] * height / self.height])
        start = np.array([(onto.x - self.x) * width / self.width, (onto.y - self.y) * height / self.height])
        shift = start + step / 2 - 0.5  # pixel centres
        matrix = np.array([[step[0], 0, shift[0]], [0, step[1], shift[1]]])
        return cv2.warpAffine(share, matrix, size_wh, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=0.0)

    def to_picture(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points `[..., 2]` in 0..1 of the view as pixels of the picture."""
        return points * np.float32((self.width, self.height)) + np.float32((self.x, self.y))

    def suits(self, box: NDArray[np.float32], length: float, size_wh: tuple[int, int]) -> bool:
        """Whether a person can be followed in this view, neither at its edge nor tiny in it.

        Args:
            box: the person's x0 y0 x1 y1 in pixels.
            length: how long they are when stretched out, in pixels; their box is short while they crouch or are hidden.
            size_wh: width and height of the picture.
        """
        margin = _EDGE_SHARE * length
        inside = (
            (self.x <= 0 or box[0] - margin >= self.x)
            and (self.y <= 0 or box[1] - margin >= self.y)
            and (self.x + self.width >= size_wh[0] or box[2] + margin <= self.x + self.width)
            and (self.y + self.height >= size_wh[1] or box[3] + margin <= self.y + self.height)
        )
        return inside and length >= _SMALLEST_SHARE * max(self.width, self.height)


def whole_view(size_wh: tuple[int, int]) -> View:
    """The whole picture."""
    return View(0, 0, *size_wh)


def view_of(box: NDArray[np.float32], length: float, size_wh: tuple[int, int]) -> View:
    """A view with room for a person to move in.

    Args:
        box: the person's x0 y0 x1 y1 in pixels.
        length: how long they are when stretched out, in pixels.
        size_wh: width and height of the picture.
    """
    width, height = size_wh
    side = _PERSON_SHARE * max(length, float(box[2] - box[0]), float(box[3] - box[1]), 16.0)
    if side > 0.8 * max(width, height):
        return whole_view(size_wh)
    w, h = (min(round(side), limit) for limit in (width, height))
    x = round(float(np.clip((box[0] + box[2] - w) / 2, 0, width - w)))
    y = round(float(np.clip((box[1] + box[3] - h) / 2, 0, height - h)))
    return View(x, y, w, h)
