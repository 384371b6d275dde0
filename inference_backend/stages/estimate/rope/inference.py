"""Every seen frame of a track through the network, in batches, and up to the camera's frame."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....geometry.clock import nearest_index
from ....geometry.projection import undistort
from ....models.rope.camera import box_feature, lift, square_box
from ....models.rope.network import Rope
from ....models.rope.proxy import masks_in_box, proxy_image, unpack_masks
from ....records.camera import Camera
from ....records.context import StageContext
from ....records.people import PersonTrack
from ....records.video import Video
from ...frames.read import read_frames
from ..kinematic.observations import Observations

_BATCH = 64


@dataclass(frozen=True)
class FramePredictions:
    """What the network says of S seen frames; float64, camera frame.

    Attributes:
        index: int64 `[S]`, which frames of the 30 fps clock.
        rotations: `[S,22,3,3]`, the pelvis to the camera, then local rotations.
        betas: `[S,10]`.
        pelvis: `[S,3]`, metres.
        visibility: `[S,24]`, 0..1.
    """

    index: NDArray[np.int64]
    rotations: Tensor
    betas: Tensor
    pelvis: Tensor
    visibility: Tensor


@dataclass(frozen=True)
class View:
    """Inputs of S seen frames on the clock: undistorted keypoints `[S,33,2]`, K `[S,3,3]`, boxes `[S,3]`, place in the
    track `[S]`."""

    index: NDArray[np.int64]
    place: NDArray[np.int64]
    keypoints: Tensor
    K: Tensor
    box: Tensor


def view_of(video: Video, track: PersonTrack, camera: Camera, observed: Observations) -> View:
    """Boxes and landmarks of the frames in which the person was seen."""
    index = np.flatnonzero(observed.seen)
    place = nearest_index(video.time_s[track.frames], observed.time_s[index])
    K = torch.from_numpy(camera.K[track.frames][place]).float()
    rays = torch.from_numpy(observed.rays[index]).float()
    keypoints = rays @ K[:, :2, :2].mT + K[:, None, :2, 2]
    return View(index, place, keypoints, K, square_box(keypoints))


def infer(
    model: Rope, video: Video, track: PersonTrack, camera: Camera, observed: Observations, ctx: StageContext
) -> FramePredictions:
    """Run the network on every seen frame.

    Args:
        model: on `ctx.device`, in evaluation mode.
        video: its pictures are read where the network looks at pictures.
        track: of N frames.
        camera: intrinsics.
        observed: the track's landmarks on the clock.
        ctx: device, progress after each batch.
    """
    view = view_of(video, track, camera, observed)
    batch = max(1, int(_BATCH * ctx.batch_scale))
    pictures = crops(video, track, camera, view, model.config.image_hw) if model.config.input == "rgb" else None
    found = []
    for start in range(0, len(view.index), batch):
        part = slice(start, start + batch)
        if pictures is None:
            images = proxies(track, camera, observed, view, part)
        else:
            images = torch.stack([next(pictures) for _ in view.index[part]])
        box, K = view.box[part], view.K[part]
        with torch.inference_mode():
            said = model(*(x.to(ctx.device) for x in (images, box_feature(box, K))))
        said = [x.cpu() for x in said[:4]]
        found.append((said[0], said[1], lift(said[2], box, K), said[3].sigmoid()))
        ctx.progress(min(start + batch, len(view.index)) / len(view.index), min(start + batch, len(view.index)))
    if not found:
        found = [(torch.zeros(0, 22, 3, 3), torch.zeros(0, 10), torch.zeros(0, 3), torch.zeros(0, 24))]
    return FramePredictions(view.index, *(torch.cat(column).double() for column in zip(*found, strict=True)))


def proxies(track: PersonTrack, camera: Camera, observed: Observations, view: View, part: slice) -> Tensor:
    """Proxy images `[B,C,64,48]` of some of the seen frames."""
    place, index, box = view.place[part], view.index[part], view.box[part]
    K, corners = camera.K[track.frames][place], track.box[place].reshape(-1, 2, 2).astype(np.float64)
    straight = undistort(corners, K, camera.dist) @ K[:, :2, :2].swapaxes(1, 2) + K[:, None, :2, 2]
    own_box = torch.from_numpy(np.nan_to_num(straight)).float().flatten(1)
    silhouette = masks_in_box(unpack_masks(track.mask[place]), own_box, box)
    visibility, world = (torch.from_numpy(x[index]).float() for x in (observed.visibility, observed.world))
    return proxy_image(view.keypoints[part], visibility, world, silhouette, box)


def crops(video: Video, track: PersonTrack, camera: Camera, view: View, size: tuple[int, int]) -> Iterator[Tensor]:
    """RGB crops `[3,H,W]` in 0..1 of the seen frames, in order; one that cannot be decoded repeats the one before."""
    height, width = size
    pictures = read_frames(video, track.frames[view.place])
    frame, picture = next(pictures, (-1, None))
    crop = torch.zeros(3, height, width)
    for place, box in zip(view.place, view.box.double().numpy(), strict=True):
        wanted = int(track.frames[place])
        while picture is not None and frame < wanted:
            frame, picture = next(pictures, (-1, None))
        if picture is not None and frame == wanted:
            straight = cv2.undistort(picture, camera.K[wanted], camera.dist) if np.any(camera.dist) else picture
            step = box[2] / height
            offset = box[:2] + step * (0.5 - np.array([width, height]) / 2) - 0.5
            warp = np.array([[step, 0, offset[0]], [0, step, offset[1]]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            crop = torch.from_numpy(cv2.warpAffine(straight, warp, (width, height), flags=flags)).permute(2, 0, 1) / 255
        yield crop
