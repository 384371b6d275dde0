"""A pinhole matrix as Blender's camera states it: focal length, sensor fit and shift."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SENSOR_MM: Final = 36.0


@dataclass(frozen=True)
class Lens:
    """Values of `bpy.types.Camera`, T frames.

    Attributes:
        sensor_fit: `HORIZONTAL` or `VERTICAL`: the direction in which the picture fills the view.
        focal_mm: float64 `[T]`, for a sensor of `SENSOR_MM` along the fit.
        shift_x, shift_y: float64 `[T]`, in picture sizes along the fit.
    """

    sensor_fit: str
    focal_mm: Array
    shift_x: Array
    shift_y: Array


def lens_from_intrinsics(K: ArrayLike, size_wh: tuple[int, int], render_aspect: float) -> Lens:
    """The lens under which a view of any aspect shows the whole picture, at its true angle and centred.

    Blender measures focal length and shift against one side of the view. In a view wider than the picture the
    picture fills the height, otherwise the width.

    Args:
        K: `[T,3,3]`, pinhole matrix in pixels of the upright picture; (0, 0) is the picture's corner.
        size_wh: the picture's size in pixels.
        render_aspect: width / height of the scene's view, with its pixel aspect.
    """
    K = np.asarray(K, dtype=np.float64)
    width, height = size_wh
    vertical = render_aspect > width / height * (1.0 + 1e-6)
    side = height if vertical else width
    focal = K[:, 1, 1] if vertical else K[:, 0, 0]
    return Lens(
        sensor_fit="VERTICAL" if vertical else "HORIZONTAL",
        focal_mm=focal * SENSOR_MM / side,
        # Blender shifts the view, so the principal point goes the other way (and image y points down)
        shift_x=(0.5 * width - K[:, 0, 2]) / side,
        shift_y=(K[:, 1, 2] - 0.5 * height) / side,
    )
