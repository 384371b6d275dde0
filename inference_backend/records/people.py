"""Records about the people in the clip, as seen in the image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MASK_WH = (48, 64)
"""Width and height of the person masks."""


@dataclass(frozen=True)
class PersonTrack:
    """One person through one shot: N contiguous clip frames, from the first to the last in which they were found.

    Attributes:
        person_id: unique in the clip.
        shot: the shot this track lies in.
        frames: int64 `[N]`, contiguous clip frames.
        seen: bool `[N]`, the landmarks of this frame can be used as evidence. False where the person was not found
            or where what was found was rejected (another person, upside down, ...); the arrays are NaN / 0 there.
        box: float32 `[N,4]`, x0 y0 x1 y1 in pixels of the upright frame; interpolated where not seen.
        keypoints: float32 `[N,33,2]`, BlazePose landmarks in pixels of the upright frame (distorted, as in the image).
        visibility: float32 `[N,33]`, MediaPipe's own 0..1. A weak cue: an input to weigh, never a gate.
        keypoints_world: float32 `[N,33,3]`, MediaPipe's world landmarks: metres, origin at the hips' midpoint,
            camera-like axes (x right, y down, z forward) in the view of the person's own region.
        mask: uint8 `[N,64,6]`, silhouette inside `box` at 48 x 64, rows packed to bits; zeros where unknown.
    """

    person_id: int
    shot: int
    frames: NDArray[np.int64]
    seen: NDArray[np.bool_]
    box: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    visibility: NDArray[np.float32]
    keypoints_world: NDArray[np.float32]
    mask: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.frames)
