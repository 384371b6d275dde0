"""Sizes of the open network, and how each of its training stages is run: one set for a GPU, one for two CPU cores."""

from dataclasses import dataclass
from typing import Final

from ..models.moro.config import MoroConfig, TokenizerConfig
from ..models.moro.evidence.landmark_evidence import GROUPS

STAGES: Final = ("tokenizer", "landmarks", "pose", "motion", "evidence", "video", "smoother")


@dataclass(frozen=True)
class StagePlan:
    """How a stage is trained.

    Attributes:
        share: of the minutes, when all stages are run.
        batch: windows (meshes for the tokenizer) a step.
        frames: in a window.
        rate: peak learning rate.
    """

    share: float
    batch: int
    frames: int
    rate: float


@dataclass(frozen=True)
class Size:
    """A network and its training.

    Attributes:
        points, channels, codes: of the tokenizer (`TokenizerConfig`).
        landmark_width, landmark_depth: of the landmark encoder.
        width, heads, mlp_ratio, motion_depth, image_depth, decoder_depth: of the transformers.
        clip_frames, overlap_frames, reach: windows at run time, and how far attention reaches in time.
        mesh_frames: successive frames of each window whose decoded meshes enter the losses.
        plans: by stage.
    """

    points: tuple[int, ...]
    channels: tuple[int, ...]
    codes: int
    landmark_width: int
    landmark_depth: int
    width: int
    heads: int
    mlp_ratio: int
    motion_depth: int
    image_depth: int
    decoder_depth: int
    clip_frames: int
    overlap_frames: int
    reach: int
    mesh_frames: int
    plans: dict[str, StagePlan]

    def config(self, slots: tuple[int, ...]) -> MoroConfig:
        """The network's configuration, given the neighbour slots of the tokenizer's connections."""
        return MoroConfig(
            name="open",
            body_name="SMPLX_OPEN",
            tokenizer=TokenizerConfig(self.points, self.channels, slots, codes=self.codes),
            backbone=None,
            evidence_tokens=len(GROUPS),
            evidence_channels=7 * len(GROUPS[0]),
            evidence_groups=GROUPS,
            width=self.width,
            heads=self.heads,
            mlp_ratio=self.mlp_ratio,
            motion_depth=self.motion_depth,
            image_depth=self.image_depth,
            decoder_depth=self.decoder_depth,
            attention_reach=self.reach,
            clip_frames=self.clip_frames,
            overlap_frames=self.overlap_frames,
            trajectory_in_box=True,
            mean_codes=True,
            landmark_width=self.landmark_width,
            landmark_depth=self.landmark_depth,
        )


SIZES: Final[dict[str, Size]] = {
    "cpu": Size(
        points=(384, 96, 32, 16),
        channels=(3, 16, 32, 64, 9),
        codes=1024,
        landmark_width=192,
        landmark_depth=4,
        width=64,
        heads=4,
        mlp_ratio=2,
        motion_depth=1,
        image_depth=2,
        decoder_depth=1,
        clip_frames=64,
        overlap_frames=24,
        reach=31,
        mesh_frames=4,
        plans={
            "tokenizer": StagePlan(0.27, 128, 1, 2e-3),
            "landmarks": StagePlan(0.3, 32, 48, 1e-3),
            "pose": StagePlan(0.02, 512, 1, 2e-3),
            "motion": StagePlan(0.06, 16, 32, 1e-3),
            "evidence": StagePlan(0.08, 16, 48, 2e-3),
            "video": StagePlan(0.25, 8, 48, 1e-3),
            "smoother": StagePlan(0.02, 12, 32, 1e-3),
        },
    ),
    "gpu": Size(
        points=(1024, 256, 80, 32),
        channels=(3, 32, 64, 128, 9),
        codes=1024,
        landmark_width=176,
        landmark_depth=4,
        width=128,
        heads=4,
        mlp_ratio=2,
        motion_depth=1,
        image_depth=2,
        decoder_depth=2,
        clip_frames=96,
        overlap_frames=32,
        reach=63,
        mesh_frames=16,
        plans={
            "tokenizer": StagePlan(0.2, 512, 1, 2e-3),
            "landmarks": StagePlan(0.2, 256, 64, 1e-3),
            "pose": StagePlan(0.02, 2048, 1, 1e-3),
            "motion": StagePlan(0.1, 128, 64, 1e-3),
            "evidence": StagePlan(0.08, 128, 64, 1e-3),
            "video": StagePlan(0.36, 96, 64, 8e-4),
            "smoother": StagePlan(0.04, 96, 64, 1e-3),
        },
    ),
}
