"""Scores of synthetic clips: estimators alone, and with the stages after them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ...body.body import Body
from ...pipeline.cache import StageCache
from ...stages.estimate.registry import find_estimator
from ..synthetic.clips import SyntheticClip
from ..synthetic.compare import make_clips, score_estimator
from ..synthetic.whole_pipeline import clip_sources, pair_of_result, recover_synthetic, score
from .store import Unit
from .ways import Way

KINDS: Final = ("clear", "occluded")


@dataclass(frozen=True)
class SyntheticSet:
    """Clips of held-back subjects, each motion once clear and once occluded.

    Attributes:
        mocap: folder with the motion packs.
        split: `val` or `test`.
        count: motions.
        frames: of each, 30 a second.
    """

    mocap: Path
    split: str
    count: int
    frames: int

    @cached_property
    def body(self) -> Body:
        """The open body."""
        return Body.load(None)

    @cached_property
    def clips(self) -> list[tuple[str, SyntheticClip]]:
        """Kind and clip; the same each time."""
        return make_clips(self.mocap, self.split, self.count, self.frames, self.body)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """What the clips depend on: data, and the files that make them from it."""
        sources = clip_sources(self.mocap, self.split)
        return {"split": self.split, "count": self.count, "frames": self.frames, "files": sources}


def estimator_unit(way: Way, clips: SyntheticSet) -> Unit:
    """An estimator's figures by kind of clip, without the stages that come after."""

    def work() -> dict[str, Any]:
        own = getattr(way.settings, find_estimator(way.settings.estimator).settings)
        return score_estimator(way.settings.estimator, own, clips.clips, clips.body)

    return Unit("synthetic", f"{way.name}, {clips.split}, {clips.count}", way.estimator_recipe() | clips.recipe, work)


def pipeline_unit(way: Way, clips: SyntheticSet, folder: Path, cache: StageCache) -> Unit:
    """The whole pipeline's figures by kind of clip, and those before contacts and foot lock."""

    def work() -> dict[str, Any]:
        pairs: dict[str, list] = {}
        for kind, clip in clips.clips:
            recipe = {**clips.recipe, "kind": kind, "clip": clip.name}
            result = recover_synthetic(clip, recipe, way.settings, folder / "synthetic" / kind, cache)
            pairs.setdefault(kind, []).append(pair_of_result(clip, result, clips.body))
            pairs.setdefault(f"{kind}, raw", []).append(pair_of_result(clip, result, clips.body, raw=True))
        return {kind: score(group) for kind, group in pairs.items()}

    return Unit("stages", f"{way.name}, {clips.split}", way.recipe() | clips.recipe, work)
