"""The stages by name."""

from collections.abc import Callable
from functools import partial
from typing import Final

from ..loop import Stage
from .context import Context
from .evidence import EvidenceStage
from .landmarks import LandmarkStage
from .motion import MotionStage
from .tokenizer import TokenizerStage
from .video import VideoStage

_STAGES: Final[dict[str, Callable[[Context], Stage]]] = {
    "tokenizer": TokenizerStage,
    "landmarks": LandmarkStage,
    "pose": partial(MotionStage, name="pose"),
    "motion": partial(MotionStage, name="motion"),
    "evidence": EvidenceStage,
    "video": partial(VideoStage, name="video"),
    "smoother": partial(VideoStage, name="smoother"),
}


def make_stage(name: str, context: Context) -> Stage:
    """A stage, ready to be trained."""
    return _STAGES[name](context)
