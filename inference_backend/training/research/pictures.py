"""Batches of crops with what is known of the bodies in them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from ...models.moro.evidence.camera import box_feature
from ...models.moro.evidence.crop import crop_person
from ...models.moro.training.image_augmentation import augment_boxes, augment_image
from ...models.moro.training.image_warp import warp_body
from ..data.readers.clip import PictureClip, bad
from .bodies import KEYPOINTS, Bodies

_SEEN_JOINTS, _SEEN_SHARE = 16, 0.8
_READERS: Final = 8


@dataclass(frozen=True)
class PictureBatch:
    """B clips of T frames.

    Attributes:
        crops: uint8 `[B,T,S,S,3]`, RGB.
        box: `[B,T,3]`, box feature.
        rotations: `[B,T,22,3,3]`, the pelvis to the camera, then local.
        transl: `[B,T,3]`, metres; betas: `[B,10]`; genders: B.
        K: `[B,T,3,3]`; scale: `[B,T]`, box side in pixels divided by 200.
        keypoints: `[B,T,44,3]`, x and y from -1 to 1 across the crop, and confidence (single images; else zeros).
    """

    crops: Tensor
    box: Tensor
    rotations: Tensor
    transl: Tensor
    betas: Tensor
    genders: list[str]
    K: Tensor
    scale: Tensor
    keypoints: Tensor

    def to(self, device: torch.device) -> "PictureBatch":
        """On another device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)


def read_picture(clip: PictureClip, frame: int) -> NDArray[np.uint8]:
    """One picture of a clip, upright and without lens distortion: RGB uint8 `[H,W,3]`.

    Raises:
        RecoverError: BAD_INPUT, it cannot be read.
    """
    path = clip.pictures[frame]
    data = np.frombuffer(path.read_bytes(), np.uint8) if path.is_file() else np.empty(0, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if picture is None:
        raise bad(Path(clip.body.name), f"names the picture {path}, which cannot be read")
    if clip.clockwise:
        picture = cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE)
    if np.any(clip.dist):
        picture = cv2.undistort(picture, clip.K[frame].astype(np.float64), clip.dist.astype(np.float64))
    return picture[..., ::-1]


def well_seen(clip: PictureClip, bodies: Bodies, size_wh: tuple[int, int]) -> bool:
    """Whether in four of five frames most joints are inside the picture."""
    rotations = _matrices(clip.body.poses)
    body = bodies.bodies[clip.body.gender]
    values = [torch.from_numpy(x).to(body.v_template) for x in (clip.body.betas, rotations, clip.body.transl)]
    joints, _ = body.skeleton(values[0], values[1][:, 0], values[1][:, 1:], values[2])
    points = joints.cpu().numpy() @ np.swapaxes(clip.K, -1, -2)
    pixels = points[..., :2] / np.maximum(points[..., 2:], 1e-3)
    inside = ((pixels >= 0) & (pixels < size_wh)).all(-1) & (points[..., 2] > 0)
    return bool((inside.sum(1) >= _SEEN_JOINTS).mean() >= _SEEN_SHARE)


class PictureLoader:
    """Reads, augments and crops clips.

    Args:
        bodies: for keypoints of projected bodies.
        size: side of the crops.
        crop_share: clips that are cropped to a part of the body.
    """

    def __init__(self, bodies: Bodies, size: int, crop_share: float = 0.0) -> None:
        self._bodies, self._size, self._crop_share = bodies, size, crop_share

    def batch(self, clips: Sequence[PictureClip], rng: np.random.Generator, single: bool) -> PictureBatch:
        """Clips of equal length as one batch.

        Args:
            clips: what to load.
            rng: source of randomness.
            single: images that stand alone are mirrored and turned, too.
        """
        seeds = rng.integers(2**63, size=len(clips))
        make = self._image if single else self._clip
        with ThreadPoolExecutor(_READERS) as readers:
            rows = list(readers.map(lambda clip, seed: make(clip, np.random.default_rng(seed)), clips, seeds))
        columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        tensors = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in columns.items()}
        floats = {name: value if value.dtype == torch.uint8 else value.float() for name, value in tensors.items()}
        center = floats.pop("center")
        focal = floats["K"].diagonal(dim1=-2, dim2=-1)[..., :2].mean(-1)
        box = box_feature(center, floats["scale"], floats["K"], focal)
        return PictureBatch(box=box, genders=[clip.body.gender for clip in clips], **floats)

    def _clip(self, clip: PictureClip, rng: np.random.Generator) -> dict[str, NDArray]:
        rotations = _matrices(clip.body.poses)
        first = read_picture(clip, 0)
        keypoints = self._bodies.keypoints(rotations, clip.body.transl, clip.body.betas, clip.body.gender, clip.K)
        size_wh = first.shape[1], first.shape[0]
        center, scale = augment_boxes(clip.center, clip.scale, keypoints, size_wh, rng, self._crop_share)
        pictures = (first if frame == 0 else read_picture(clip, frame) for frame in range(len(clip)))
        crops = [crop_person(p, center[i], scale[i], self._size) for i, p in enumerate(pictures)]
        return {
            "crops": np.stack(crops),
            "center": center,
            "scale": scale,
            "rotations": rotations,
            "transl": clip.body.transl,
            "betas": clip.body.betas,
            "K": clip.K,
            "keypoints": np.zeros((len(clip), KEYPOINTS, 3)),
        }

    def _image(self, clip: PictureClip, rng: np.random.Generator) -> dict[str, NDArray]:
        rotations = _matrices(clip.body.poses)
        keypoints = clip.keypoints
        if keypoints is None:
            keypoints = self._bodies.keypoints(rotations, clip.body.transl, clip.body.betas, clip.body.gender, clip.K)
        picture = read_picture(clip, 0)
        made = augment_image(picture, keypoints[0], clip.center[0], float(clip.scale[0]), rng, self._size)
        turned, transl = warp_body(rotations[0], clip.body.transl[0], made.warp)
        return {
            "crops": made.crop[None],
            "center": made.center[None],
            "scale": np.array([made.scale]),
            "rotations": turned[None],
            "transl": transl[None],
            "betas": clip.body.betas,
            "K": clip.K,
            "keypoints": made.keypoints[None],
        }


def _matrices(poses: NDArray) -> NDArray[np.float32]:
    flat = Rotation.from_rotvec(np.asarray(poses, np.float64).reshape(-1, 3)).as_matrix()
    return flat.reshape(*poses.shape, 3).astype(np.float32)
