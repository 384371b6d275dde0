"""One person's landmarks in one picture, and what can be read off them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...geometry.blazepose import BODY, HIPS, SHOULDERS
from ...records.people import MASK_WH
from .view import View

_BODY = np.array(BODY)
_NOMINAL_HEIGHT_M = 1.7
_BOX_MARGIN = 0.08  # landmarks end at the eyes, ankles and knuckles; the body goes on


@dataclass(frozen=True)
class Pose:
    """What the landmarker says of one person.

    Attributes:
        keypoints: float32 `[33,2]`, pixels of the working picture.
        visibility: float32 `[33]`.
        world: float32 `[33,3]`, metres.
        view: the part of the picture that `silhouette` shows.
        silhouette: float32 `[h,w]` in 0..1 over the view, or None.
    """

    keypoints: NDArray[np.float32]
    visibility: NDArray[np.float32]
    world: NDArray[np.float32]
    view: View
    silhouette: NDArray[np.float32] | None = None

    @cached_property
    def height(self) -> float:
        """About the person's standing height in pixels, whatever the posture: image size over world size."""
        flat = self.keypoints[_BODY] - self.keypoints[_BODY].mean(0)
        solid = self.world[_BODY, :2] - self.world[_BODY, :2].mean(0)
        return _NOMINAL_HEIGHT_M * float(np.sqrt((flat**2).sum() / max((solid**2).sum(), 1e-6)))

    @cached_property
    def centre(self) -> NDArray[np.float32]:
        """Middle of shoulders and hips `[2]`, pixels."""
        return self.keypoints[[*SHOULDERS, *HIPS]].mean(0)

    @cached_property
    def turn(self) -> float:
        """Angle of the torso against upright in the picture, radians in -pi..pi; pi is upside down."""
        up = self.keypoints[list(SHOULDERS)].mean(0) - self.keypoints[list(HIPS)].mean(0)
        return float(np.arctan2(up[0], -up[1]))

    @cached_property
    def box(self) -> NDArray[np.float32]:
        """x0 y0 x1 y1 around the landmarks with a margin, in pixels; may reach beyond the picture."""
        low, high = self.keypoints.min(0), self.keypoints.max(0)
        margin = _BOX_MARGIN * float((high - low).max())
        return np.concatenate([low - margin, high + margin])

    @cached_property
    def trust(self) -> float:
        """Mean visibility of the core landmarks."""
        return float(self.visibility[_BODY].mean())

    @cached_property
    def support(self) -> float:
        """Share of the core landmarks inside the view that lie on the silhouette; 0 when there is none."""
        if self.silhouette is None:
            return 0.0
        height, width = self.silhouette.shape
        spots = self.view.from_picture(self.keypoints[_BODY])
        column, row = (spots * (width, height)).astype(int).T
        inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
        if not inside.any():
            return 0.0
        return float((self.silhouette[row[inside], column[inside]] > 0.5).mean())

    def packed_mask(self) -> NDArray[np.uint8]:
        """The silhouette inside `box` at 48 x 64, rows packed to bits: `[64,6]`; zeros when there is none."""
        width, height = MASK_WH
        if self.silhouette is None:
            return np.zeros((height, width // 8), np.uint8)
        low, high = self.box.reshape(2, 2).astype(np.float64)
        small = self.view.read(self.silhouette, np.column_stack([np.diag((high - low) / MASK_WH), low]), MASK_WH)
        return np.packbits(small > 0.5, axis=1)


def distance(one: Pose, other: Pose) -> float:
    """Mean distance of the core landmarks in body heights of the larger person."""
    apart = np.linalg.norm(one.keypoints[_BODY] - other.keypoints[_BODY], axis=1).mean()
    return float(apart / max(one.height, other.height, 1.0))
