"""MediaPipe's own 3D landmarks as a peer: its pose landmarker alone, without anything of ours."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...geometry.blazepose import INDEX
from ...protocol.skeleton import BODY_JOINTS
from ...stages.frames.probe import probe
from ...stages.frames.read import read_frames
from ...stages.people.landmarker import PersonLandmarker
from ...stages.people.view import View

Array = NDArray[np.float64]
_SURE = 0.5
_SHOWN_BY = {"left_foot": "left_foot_index", "right_foot": "right_foot_index"}


def mediapipe_joints(path: Path, K: Array, dist: Array) -> Array:
    """World landmarks as body joints in the camera's frame.

    Each frame's world landmarks are placed where they project onto its own 2D landmarks (those with a visibility over
    0.5), with the true camera. Frames without a person are filled linearly.

    Args:
        path: the video.
        K, dist: the camera.

    Returns:
        `[T,22,3]`, metres; NaN for joints that BlazePose does not have. The pelvis is the middle of the hips.
    """
    video = probe(path)
    landmarks = np.full((len(video), 33, 3), np.nan)
    whole: View | None = None
    with PersonLandmarker(hold_on=False) as landmarker:
        for frame, picture in read_frames(video):
            height, width = picture.shape[:2]
            whole = whole or View(0, 0, width, height)
            pose = landmarker.follow(picture, whole, float(video.time_s[frame]))
            if pose is not None:
                landmarks[frame] = _placed(pose.world, pose.keypoints, pose.visibility, K, dist)
    known = np.flatnonzero(np.isfinite(landmarks[:, 0, 0]))
    flat = landmarks.reshape(len(video), -1)
    filled = np.stack([np.interp(np.arange(len(video)), known, column[known]) for column in flat.T], axis=1)
    return _as_body(filled.reshape(-1, 33, 3))


def _placed(world: NDArray, keypoints: NDArray, visibility: NDArray, K: Array, dist: Array) -> Array:
    sure = visibility > _SURE
    if sure.sum() < 6:
        return np.full((33, 3), np.nan)
    points = world.astype(np.float64)
    ok, turn, place = cv2.solvePnP(points[sure], keypoints[sure].astype(np.float64), K, dist, flags=cv2.SOLVEPNP_SQPNP)
    return points @ cv2.Rodrigues(turn)[0].T + place.ravel() if ok else np.full((33, 3), np.nan)


def _as_body(landmarks: Array) -> Array:
    out = np.full((len(landmarks), len(BODY_JOINTS), 3), np.nan)
    for column, name in enumerate(BODY_JOINTS):
        landmark = _SHOWN_BY.get(name, name)
        if landmark in INDEX:
            out[:, column] = landmarks[:, INDEX[landmark]]
    out[:, 0] = 0.5 * (landmarks[:, INDEX["left_hip"]] + landmarks[:, INDEX["right_hip"]])
    return out
