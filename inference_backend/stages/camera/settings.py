"""Settings of the camera stage."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ...protocol.errors import ErrorCode, RecoverError

VERSION = 4

MOTIONS: Final = ("auto", "static", "moving", "carried")


@dataclass(frozen=True)
class CameraSettings:
    """What the user knows of the camera, in pixels of the upright frame.

    Attributes:
        focal_px: focal length in pixels, or None.
        K: pinhole matrix as three rows of three, or None; it wins over `focal_px`.
        dist: OpenCV's distortion k1 k2 p1 p2 [k3], or None for none.
        from_people: estimate the focal length from people who walk towards or away from the camera.
        fallback_share: focal length as a share of the image diagonal where nothing tells it. 0.81 is a lens of 35 mm
            on full frame, between phones (24-30 mm) and film lenses (35-50 mm and longer).
        motion: `auto` finds out from the background whether the camera pans, tilts, zooms or shakes; `static` takes it
            as standing still and does not look; `moving` follows the background however little it moves; `carried`
            says that somebody walks about with it, where `auto` does not notice.
    """

    focal_px: float | None = None
    K: tuple[tuple[float, ...], ...] | None = None
    dist: tuple[float, ...] | None = None
    from_people: bool = True
    fallback_share: float = 0.81
    motion: str = "auto"

    def __post_init__(self) -> None:
        """Raise `RecoverError(BAD_SETTING)` for a value that makes no sense."""
        if self.focal_px is not None and not 0 < self.focal_px < 1e6:
            raise _bad(f"The focal length is {self.focal_px} pixels.", "Give a positive number of pixels.")
        if not 0.1 <= self.fallback_share <= 20:
            raise _bad(
                f"The fallback focal length is {self.fallback_share} diagonals.", "Choose a value from 0.1 to 20."
            )
        if self.motion not in MOTIONS:
            raise _bad(f'There is no camera motion "{self.motion}".', f"Use one of: {', '.join(MOTIONS)}.")
        if self.K is not None:
            _check_matrix(self.K)
        if self.dist is not None and (len(self.dist) not in (4, 5) or not np.isfinite(self.dist).all()):
            raise _bad(
                f"The lens distortion has {len(self.dist)} values or holds one that is not a number.",
                "Give OpenCV's k1 k2 p1 p2, and k3 if there is one.",
            )


def _check_matrix(rows: tuple[tuple[float, ...], ...]) -> None:
    sentence = "The camera matrix K is not a pinhole matrix."
    remedy = "Give [[fx, s, cx], [0, fy, cy], [0, 0, 1]] in pixels of the upright frame."
    if len(rows) != 3 or any(len(row) != 3 for row in rows):
        raise _bad(sentence, remedy)
    K = np.array(rows, dtype=np.float64)
    lower = (K[1, 0], K[2, 0], K[2, 1])
    if not np.isfinite(K).all() or K[0, 0] <= 0 or K[1, 1] <= 0 or any(lower) or K[2, 2] != 1:
        raise _bad(sentence, remedy)


def _bad(sentence: str, remedy: str) -> RecoverError:
    return RecoverError(ErrorCode.BAD_SETTING, sentence, remedy)
