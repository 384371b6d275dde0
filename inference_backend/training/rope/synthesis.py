"""Rope's training batches, made on the device: people before virtual cameras as proxy images, with what is true.

Landmarks are those of the simulated landmarker (`training.data`). Silhouettes are splats of the posed body, cut by what
is in the way, with a segmenter's errors. Part masks stay whole where something is in the way: attention is to learn
where a hidden limb should be.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ...geometry.blazepose import INDEX
from ...models.rope.camera import box_feature, square_box
from ...models.rope.losses import RopeTargets
from ...models.rope.parts import PART_JOINTS
from ...models.rope.proxy import PROXY_HW, proxy_image
from ...models.rope.splat import BACKGROUND, drawn_labels
from ...models.rope.surface_cloud import SurfaceCloud
from ..data.cameras import draw_cameras
from ..data.noise import normal, uniform
from ..data.posing import PosedBody
from ..data.synthesis import corrupt
from ..data.windows import Windows
from .occluders import Occluders, draw_occluders
from .skin import SkinPoints

FOCAL: Final = 1000.0
"""Pixels. Only what is relative to it matters."""
SPACING: Final = 0.013
"""Metres between the cloud's points, for `_ROWS` drawn rows."""
_ROWS: Final = 192
_OFFSET: Final = 0.01
"""Metres: how far landmarks sit from where the body has them, constant through a window."""
_NO_MASK, _NO_WORLD = 0.3, 0.04
"""Share of images without a silhouette, and of those without world landmarks: trackers may give none."""
_CUT_PARTS: Final = 0.7
"""Share of images in which a silhouette lacks the parts whose landmarks are hidden by more than the things drawn."""
_WIDER, _NARROWER = 0.3, 0.15
"""Share of silhouettes that are a pixel too wide (hair, clothes) or too narrow."""
_SIDES: Final = ("left", "right")


def _by_joint(table: dict[str, tuple[str, ...]]) -> Tensor:
    """Float `[24,33]` that averages landmarks; a row with a part's name stands for both sides."""
    rows = torch.zeros(len(PART_JOINTS), len(INDEX))
    for j, name in enumerate(PART_JOINTS):
        side, _, part = name.partition("_")
        sides, key = ((side,), part) if side in _SIDES else (_SIDES, name)
        for landmark in table[key]:
            for one in (landmark,) if landmark in INDEX else (f"{s}_{landmark}" for s in sides):
                rows[j, INDEX[one]] = 1
    return rows / rows.sum(1, keepdim=True)


_TRUNK: Final = ("shoulder", "hip")
_AT: Final = _by_joint({
    "pelvis": ("hip",), "hip": ("hip",), "knee": ("knee",), "ankle": ("ankle",), "foot": ("foot_index",),
    "spine1": _TRUNK, "spine2": _TRUNK, "spine3": _TRUNK, "neck": ("shoulder",), "head": ("nose",),
    "collar": ("shoulder",), "shoulder": ("shoulder",), "elbow": ("elbow",), "wrist": ("wrist",), "fingers": ("index",),
})  # fmt: skip
"""A joint is hidden where all of these are."""
_ALONG: Final = _by_joint({
    "pelvis": _TRUNK, "hip": ("hip", "knee"), "knee": ("knee", "ankle"), "ankle": ("ankle", "heel"),
    "foot": ("foot_index",), "spine1": _TRUNK, "spine2": _TRUNK, "spine3": _TRUNK, "neck": ("shoulder", "nose"),
    "head": ("nose", "ear"), "collar": ("shoulder",), "shoulder": ("shoulder", "elbow"), "elbow": ("elbow", "wrist"),
    "wrist": ("wrist", "index"), "fingers": ("index", "pinky"),
})  # fmt: skip
"""The skin that a joint moves is hidden where all of these are."""


class ProxyBatch(NamedTuple):
    """B images and what is true of them.

    Attributes:
        images: `[B,C,64,48]`; box: `[B,3]`, `camera.box_feature`.
        targets: the truth.
        hidden: bool `[B,33]`, landmarks behind something.
    """

    images: Tensor
    box: Tensor
    targets: RopeTargets
    hidden: Tensor


class ProxySynthesis:
    """Makes batches.

    Args:
        body: poses the body.
        cloud: points on the body's skin, `SPACING` apart.
        map_hw: size of the part masks.
        generator: source of chance, on the body's device.
        occlude: hide things.
    """

    def __init__(
        self,
        body: PosedBody,
        cloud: SurfaceCloud,
        map_hw: tuple[int, int],
        generator: torch.Generator,
        occlude: bool = True,
    ) -> None:
        self.body, self.map_hw = body, map_hw
        self.skin, self.labels = SkinPoints(body.body, cloud), cloud.labels
        self.generator, self.occlude = generator, occlude
        device = cloud.labels.device
        self._K = torch.tensor([[FOCAL, 0.0, 0.0], [0.0, FOCAL, 0.0], [0.0, 0.0, 1.0]], device=device)
        self._at, self._along = _AT.to(device), _ALONG.to(device)
        height, width = PROXY_HW
        y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        self._grid = (torch.stack((x - width / 2, y - height / 2), -1) / height).to(device)

    @torch.no_grad()
    def batch(self, windows: Windows) -> ProxyBatch:
        """The middle frames of windows as proxy images; the frames around them are for errors that last."""
        count, frames = windows.pelvis.shape[:2]
        middle = frames // 2
        betas = windows.betas[:, None]
        posed = self.body.pose(betas, windows.rotations)
        offsets = _OFFSET * normal((count, 1, 33, 3), self.generator)
        local = self.body.landmarks(betas, posed) + self.body.carried(posed, offsets)
        cameras = draw_cameras(windows.pelvis, self.generator)
        marks = cameras.see(local + windows.pelvis[:, :, None])
        pixels = FOCAL * marks[..., :2] / marks[..., 2:].clamp(min=0.2)
        true_box = square_box(pixels[:, middle])
        occluders, covered = None, None
        if self.occlude:
            occluders = draw_occluders(count, self.generator)
            covered = occluders.over(_in_box(pixels, true_box))
        seen = corrupt(marks, cameras.border, self.generator, occlude=self.occlude, covered=covered)
        keypoints = FOCAL * seen.rays[:, middle]
        box, K = square_box(keypoints), self._K.expand(count, 3, 3)
        hidden = seen.hidden[:, middle]

        rotations = windows.rotations[:, middle].clone()
        rotations[:, 0] = cameras.rotation @ rotations[:, 0]
        pelvis = cameras.see(windows.pelvis)[:, middle]
        points, facing = self.skin.see(
            windows.betas,
            self.body.body.rest_joints(windows.betas)[:, : rotations.shape[1]],
            cameras.see(posed.joints[:, middle] + windows.pelvis[:, middle, None]),
            cameras.rotation[:, None] @ posed.rotations[:, middle],
        )
        fine, small = drawn_labels(points, facing, self.labels, K, box, PROXY_HW, self.map_hw, rows=_ROWS)
        silhouette = self._silhouette(fine, box, true_box, cameras.border, occluders, hidden)
        kept = (uniform((count, 1, 1), self.generator) >= _NO_WORLD).float()
        images = proxy_image(keypoints, seen.visibility[:, middle], seen.world[:, middle] * kept, silhouette, box)

        joints = (
            torch.cat((posed.joints[:, middle], local[:, middle][:, _FINGERS]), 1) + windows.pelvis[:, middle, None]
        )
        visible = self._visible(cameras.see(joints), true_box, cameras.border, occluders, hidden)
        known = torch.ones(count, rotations.shape[1], device=K.device)
        targets = RopeTargets(rotations, windows.betas, pelvis, K, box, small.long(), visible, known)
        return ProxyBatch(images, box_feature(box, K), targets, hidden)

    def _silhouette(
        self, labels: Tensor, box: Tensor, true_box: Tensor, border: Tensor, occluders: Occluders | None, hidden: Tensor
    ) -> Tensor:
        """Float `[B,64,48]`: what a segmenter finds of the person."""
        count = len(labels)
        pixels = box[:, None, None, :2] + box[:, None, None, 2:] * self._grid
        shown = (labels != BACKGROUND) & (pixels.abs() <= FOCAL * border[:, None, None]).all(-1)
        if occluders is not None:
            shown &= ~occluders.over(_in_box(pixels, true_box))
            cut = (hidden.float() @ self._along.mT > 0.99) & (uniform((count, 1), self.generator) < _CUT_PARTS)
            gone = functional.pad(cut, (1, 0)).gather(1, labels.flatten(1).long()).view(labels.shape)
            shown &= ~gone
        mask = shown.float()[:, None]
        chance = uniform((count, 1, 1, 1), self.generator)
        wide, narrow = functional.max_pool2d(mask, 3, 1, 1), -functional.max_pool2d(-mask, 3, 1, 1)
        mask = torch.where(chance < _WIDER, wide, torch.where(chance > 1 - _NARROWER, narrow, mask))
        return (mask * (uniform((count, 1, 1, 1), self.generator) >= _NO_MASK))[:, 0]

    def _visible(
        self, joints: Tensor, true_box: Tensor, border: Tensor, occluders: Occluders | None, hidden: Tensor
    ) -> Tensor:
        """Float `[B,24]`: 1 where nothing is before the joint `[B,24,3]` and it is inside the image."""
        pixels = FOCAL * joints[..., :2] / joints[..., 2:].clamp(min=0.2)
        away = (pixels.abs() > FOCAL * border[:, None]).any(-1) | (hidden.float() @ self._at.mT > 0.99)
        if occluders is not None:
            away |= occluders.over(_in_box(pixels, true_box))
        return (~away).float()


_FINGERS: Final = [INDEX["left_index"], INDEX["right_index"]]


def _in_box(pixels: Tensor, box: Tensor) -> Tensor:
    """Pixels `[B,...,2]` in sides of boxes `[B,3]` about their middles."""
    shape = (len(pixels), *[1] * (pixels.dim() - 2))
    return (pixels - box[:, :2].view(*shape, 2)) / box[:, 2].view(*shape, 1)
