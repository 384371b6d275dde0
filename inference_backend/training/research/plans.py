"""The training stages of the released model (MoRo's supplementary material and configuration), in their order."""

from dataclasses import dataclass, field
from typing import Final

WARM_UP: Final = 2000
WEIGHT_DECAY: Final = 1e-4
FINAL_RATE: Final = 0.1
CROP_SHARE: Final = {"video_pretrain": 0.1, "video_train": 0.2}
"""Clips that are cropped to a part of the body."""


@dataclass(frozen=True)
class Plan:
    """How a stage is trained.

    Attributes:
        task: `tokenizer`, `motion`, `image` (single images with keypoints), `still` (frames of videos), `video`.
        frames: in a clip.
        batch: clips a step.
        rate: peak learning rate.
        steps: of training.
        masks: strategies and how often each is drawn.
        shares: of the data sets in an epoch.
        betas: of AdamW.
    """

    task: str
    frames: int
    batch: int
    rate: float
    steps: int
    masks: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    betas: tuple[float, float] = (0.9, 0.999)


PLANS: Final = {
    "tokenizer": Plan("tokenizer", 1, 256, 5e-4, 200_000, shares={"amass": 0.5, "bedlam": 0.5}, betas=(0.9, 0.99)),
    "pose_pretrain": Plan("motion", 1, 128, 1e-4, 40_000, {"random": 1.0}, {"amass": 1.0}),
    "motion_pretrain": Plan(
        "motion", 60, 4, 1e-4, 60_000, {"random": 0.5, "joint": 0.25, "frame": 0.25}, {"amass": 1.0}
    ),
    "image_pretrain": Plan("image", 1, 64, 1e-5, 40_000, {"full": 1.0}, {"images": 1.0}),
    "video_pretrain": Plan("still", 1, 64, 1e-5, 40_000, {"full": 1.0}, {"egobody": 0.5, "bedlam": 0.5}),
    "video_train": Plan("video", 60, 2, 1e-5, 60_000, {"guided": 0.5, "random": 0.5}, {"egobody": 0.5, "bedlam": 0.5}),
}
"""The tokenizer's third source, MOYO, has no reader here; the other two take its share."""

ORDER: Final = tuple(PLANS)
