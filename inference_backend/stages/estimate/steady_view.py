"""What somebody before a camera that shakes looks like from one that follows calmly.

Networks that read landmarks were trained before still cameras, and what they recover is smoothed in the camera's axes:
a hand's shake would be taken for the person's, and smoothed into them. So they are shown the landmarks as a camera
would see them that turns slowly, and what they recover is turned back. Landmarks alone can be moved like this: of a
camera that turns about its place every other view from there follows.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ...body.body import Body
from ...geometry.projection import undistort
from ...records.camera import Camera
from ...records.motion import PoseEstimate
from ...records.people import PersonTrack
from ...records.video import Video

Array = NDArray[np.float64]

CALM_S: Final = 0.4
"""Standard deviation of the Gaussian that calms the camera's turns: motion within about a second is taken out."""
_NEAREST: Final = 0.05


def steady_view(video: Video, track: PersonTrack, camera: Camera) -> tuple[PersonTrack, Camera] | None:
    """The track as a calm camera of the same place and lens sees it.

    Args:
        video: its frame rate.
        track: of a person.
        camera: of the clip.

    Returns:
        The track in the calm camera's pictures, and that camera, whose turns are those of the calm one; None where the
        camera does not turn. Lens distortion is taken out. Masks are kept: they belong to the box, which moves along.
    """
    turn = camera.turn_of(track.frames)
    if turn is None:
        return None
    u, _, vt = np.linalg.svd(gaussian_filter1d(turn, CALM_S * video.fps, axis=0, mode="nearest"))
    calm = u @ vt
    K, step = camera.K[track.frames], calm.swapaxes(1, 2) @ turn
    keypoints = _seen_by(track.keypoints.astype(np.float64), K, camera.dist, step)
    x0, y0, x1, y1 = track.box.astype(np.float64).T
    corners = np.stack([np.stack(corner, 1) for corner in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], axis=1)
    moved = _seen_by(corners, K, camera.dist, step)
    # A picture of a turned box is a turned box: the mean shift keeps its size.
    shift = (moved - corners).mean(1)
    turns = camera.turn.copy()
    turns[track.frames] = calm
    seen = replace(
        track,
        keypoints=keypoints.astype(np.float32),
        box=(track.box + np.tile(shift, (1, 2))).astype(np.float32),
    )
    return seen, replace(camera, dist=np.zeros(5), turn=turns)


def _seen_by(pixels: Array, K: Array, dist: Array, step: Array) -> Array:
    """Pixels `[N,J,2]` of the camera as pixels of one from which it is turned by `step [N,3,3]`; NaN stays."""
    rays = undistort(pixels, K, dist)
    there = np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], axis=-1) @ step.swapaxes(1, 2)
    flat = there / np.maximum(there[..., 2:], _NEAREST)
    return (flat @ K.swapaxes(1, 2))[..., :2]


def turned_back(motion: PoseEstimate, calm: Camera, camera: Camera, body: Body) -> PoseEstimate:
    """What was recovered before the calm camera, in the axes of the real one.

    Args:
        motion: in the calm camera's axes.
        calm, camera: the two cameras.
        body: that the motion belongs to.
    """
    rest = body.rest_joints(torch.from_numpy(motion.betas).to(body.v_template))[0].double().numpy()
    step = camera.turn[motion.frames].swapaxes(1, 2) @ calm.turn[motion.frames]
    pelvis = np.einsum("nij,nj->ni", step, motion.transl + rest)
    return replace(motion, global_orient=step @ motion.global_orient, transl=pelvis - rest)
