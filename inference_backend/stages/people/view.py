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
_TURNED_SHARE: Final = 0.2  # of a turned view's side: how far from its middle a person may be
_SMALLEST_SHARE: Final = 0.22  # a person smaller than this share of the view deserves a closer one


@dataclass(frozen=True)
class View:
    """A rectangle of the picture, in whole pixels, as it is or turned about its middle.

    Attributes:
        x: left edge.
        y: top edge.
        width: in pixels.
        height: in pixels.
        turn: radians by which the view is turned clockwise: who leans by as much stands upright in it.
    """

    x: int
    y: int
    width: int
    height: int
    turn: float = 0.0

    def cut(self, picture: NDArray[np.uint8], keep: NDArray[np.float32] | None = None) -> NDArray[np.uint8]:
        """The view as a picture `[h,w,3]`, its longer side at most `VIEW_SIDE`.

        Args:
            picture: `[H,W,3]`.
            keep: box x0 y0 x1 y1 in pixels of the picture; what lies outside is blacked out.
        """
        if self.turn:
            size = tuple(
                max(1, round(side * min(1.0, VIEW_SIDE / max(self.width, self.height))))
                for side in (self.width, self.height)
            )
            only = picture if keep is None else _only(picture, keep)
            return cv2.warpAffine(only, _centred(self._from_picture(size)), size, flags=cv2.INTER_LINEAR)
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
        return _only(part, corners.ravel())

    def paste(self, share: NDArray[np.float32], onto: "View", size_wh: tuple[int, int]) -> NDArray[np.float32]:
        """What this view's map `[h,w]` of the picture looks like from another view.

        Args:
            share: values over this view; 0 is assumed outside it.
            onto: the other view.
            size_wh: width and height of the map to make.
        """
        to_picture = np.linalg.inv(_square(onto._from_picture(size_wh)))
        return self.read(share, to_picture[:2], size_wh)

    def read(
        self, share: NDArray[np.float32], to_picture: NDArray[np.float64], size_wh: tuple[int, int]
    ) -> NDArray[np.float32]:
        """This view's map `[h,w]` of the picture on another grid.

        Args:
            share: values over this view; 0 is assumed outside it.
            to_picture: `[2,3]`, from places of the grid (0 to its width and height) to pixels of the picture.
            size_wh: width and height of the grid.
        """
        matrix = _square(self._from_picture(share.shape[::-1])) @ _square(to_picture)
        return cv2.warpAffine(
            share, _centred(matrix[:2]), size_wh, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=0.0
        )

    def to_picture(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points `[..., 2]` in 0..1 of the view as pixels of the picture."""
        if not self.turn:
            return points * np.float32((self.width, self.height)) + np.float32((self.x, self.y))
        back = np.linalg.inv(_square(self._from_picture((1, 1))))
        return (points @ back[:2, :2].T + back[:2, 2]).astype(np.float32)

    def from_picture(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pixels `[..., 2]` of the picture as points in 0..1 of the view."""
        matrix = self._from_picture((1, 1))
        return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)

    def to_picture_axes(self, solid: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vectors `[..., 3]` (x right, y down, z forward) seen in the view, in the picture's own axes."""
        if not self.turn:
            return solid
        return np.concatenate([solid[..., :2] @ _rotation(self.turn).T, solid[..., 2:]], axis=-1).astype(np.float32)

    def _from_picture(self, size_wh: tuple[int, int]) -> NDArray[np.float64]:
        """`[2,3]`: pixels of the picture to places on a map of the view with this width and height."""
        size = np.array(size_wh, np.float64)
        sides = np.array([self.width, self.height])
        linear = np.diag(size / sides) @ _rotation(-self.turn)
        middle = np.array([self.x, self.y]) + sides / 2
        return np.column_stack([linear, size / 2 - linear @ middle])

    def suits(self, box: NDArray[np.float32], length: float, size_wh: tuple[int, int]) -> bool:
        """Whether a person can be followed in this view, neither at its edge nor tiny in it.

        Args:
            box: the person's x0 y0 x1 y1 in pixels.
            length: how long they are when stretched out, in pixels; their box is short while they crouch or are hidden.
            size_wh: width and height of the picture.
        """
        if self.turn:
            middle = (box[:2] + box[2:]) / 2 - (self.x + self.width / 2, self.y + self.height / 2)
            return float(np.linalg.norm(middle)) < _TURNED_SHARE * min(self.width, self.height)
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


def turned_view_of(box: NDArray[np.float32], length: float, turn: float) -> View:
    """A square view in which somebody who leans by `turn` stands upright; arguments as for `view_of`. It may reach
    beyond the picture, which is black there."""
    side = round(_PERSON_SHARE * max(length, float(box[2] - box[0]), float(box[3] - box[1]), 16.0))
    middle = (box[:2] + box[2:]) / 2
    return View(round(float(middle[0]) - side / 2), round(float(middle[1]) - side / 2), side, side, turn)


def _only(picture: NDArray[np.uint8], keep: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture, black outside a box in its own pixels."""
    height, width = picture.shape[:2]
    (x0, y0), (x1, y1) = np.clip(keep.reshape(2, 2).round().astype(int), 0, (width, height))
    only = np.zeros_like(picture)
    only[y0:y1, x0:x1] = picture[y0:y1, x0:x1]
    return only


def _rotation(angle: float) -> NDArray[np.float64]:
    """Clockwise as the picture is seen (y down)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])


def _square(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def _centred(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A map between places (0 to width) as one between pixels, whose middles lie at whole numbers."""
    return np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ (0.5, 0.5) - 0.5])
