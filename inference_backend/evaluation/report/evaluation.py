"""What an evaluation consists of: its data, the ways that are compared, and the units of each part."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from ...pipeline.cache import StageCache
from ...stages.estimate.registry import DEFAULT_ESTIMATOR
from ..reference_clips import ReferenceClip
from .ablation import ablation_ways
from .clip_scores import CAMERAS, clip_unit, find_clips, gather
from .covered_sample import COVERS, covered_unit
from .preset_scores import preset_ways, speed_unit
from .sample_scores import mediapipe_unit, sample_unit
from .store import Figures, Store, Unit
from .synthetic_scores import SyntheticSet, estimator_unit, pipeline_unit
from .ways import Way, available, estimator_ways, link_ways, stage_ways
from .worst import Moment, worst_moments, worst_unit

PARTS: Final = ("clips", "worst", "synthetic", "sample", "speed", "presets", "stages")
"""In the order in which they run."""
_WITH_STAGES: Final = ("kinematic", "moro + refinement", "rope", "rope+moro")
CACHE_BYTES: Final = 16 << 30


@dataclass(frozen=True)
class Evaluation:
    """An evaluation.

    Attributes:
        repository: the checkout.
        clips_folder: reference clips, or None to leave them out.
        mocap: motion packs, or None to leave synthetic clips out.
        work: folder for caches, figures and results.
        moro, rope: paths of weights in place of the bundled ones.
        motions: synthetic motions, each once clear and once occluded.
    """

    repository: Path
    clips_folder: Path | None
    mocap: Path | None
    work: Path
    moro: str | None = None
    rope: str | None = None
    motions: int = 16

    @cached_property
    def cache(self) -> StageCache:
        """Of the stages, shared by all ways."""
        return StageCache(self.work / "cache", CACHE_BYTES)

    @cached_property
    def clips(self) -> list[ReferenceClip]:
        """The reference clips."""
        return [] if self.clips_folder is None else find_clips(self.clips_folder)

    @cached_property
    def _ways(self) -> tuple[list[Way], list[str]]:
        return available(estimator_ways(self.moro, self.rope))

    @property
    def ways(self) -> list[Way]:
        """Estimators whose weights are there."""
        return self._ways[0]

    @property
    def missing(self) -> list[str]:
        """A sentence for each of the others."""
        return self._ways[1]

    def way(self, name: str) -> Way | None:
        """An estimator by name."""
        return next((way for way in self.ways if way.name == name), None)

    @property
    def default(self) -> Way:
        """What a person gets who chooses nothing."""
        names = {"moro": "moro + refinement"}
        return self.way(names.get(DEFAULT_ESTIMATOR, DEFAULT_ESTIMATOR)) or self.ways[0]

    @cached_property
    def synthetic(self) -> SyntheticSet | None:
        """Clips of 4 s of the test subjects, for estimators alone."""
        return None if self.mocap is None else SyntheticSet(self.mocap, "test", self.motions, 120)

    @cached_property
    def few_synthetic(self) -> SyntheticSet | None:
        """Half as many, for links and ablations."""
        return None if self.mocap is None else SyntheticSet(self.mocap, "test", max(1, self.motions // 2), 120)

    @cached_property
    def long_synthetic(self) -> SyntheticSet | None:
        """Clips of 8 s, on which the stages after the estimator have a path to work on."""
        return None if self.mocap is None else SyntheticSet(self.mocap, "test", max(1, self.motions * 3 // 8), 240)

    @cached_property
    def links(self) -> list[Way]:
        """rope+moro with and without its links."""
        both = self.way("rope+moro")
        return [] if both is None else link_ways(both)

    @cached_property
    def ablations(self) -> list[Way]:
        """MoRo in other numbers of steps and without parts of it."""
        plain = self.way("moro")
        return [] if plain is None else ablation_ways(plain, self.work / "ablation")

    @cached_property
    def presets(self) -> list[Way]:
        """Quality presets whose weights are there."""
        return available(preset_ways(self.repository))[0]

    @property
    def sample(self) -> Path:
        """The rendered sample clip."""
        return self.repository / "tests" / "sample" / "sample.mp4"

    def stage_ways(self) -> dict[str, list[Way]]:
        """By estimator, with stages switched on and off."""
        return {way.name: stage_ways(way) for way in self.ways if way.name in _WITH_STAGES}

    def of_clips(self, store: Store, way: Way, camera: str = "given") -> dict[str, Figures]:
        """What there is of a way on the reference clips."""
        return gather(store, way, self.clips, camera, self.cache)

    def estimator_units(self) -> dict[str, Unit]:
        """Estimators alone on synthetic clips, by name."""
        return {} if self.synthetic is None else {way.name: estimator_unit(way, self.synthetic) for way in self.ways}

    def variant_units(self) -> dict[str, dict[str, Unit]]:
        """The same for the links of rope+moro, and for MoRo's ablation."""
        if self.few_synthetic is None:
            return {}
        groups = {"links": self.links, "ablations": self.ablations}
        return {
            name: {way.name: estimator_unit(way, self.few_synthetic) for way in ways} for name, ways in groups.items()
        }

    def stage_unit(self, way: Way) -> Unit | None:
        """A way on the long synthetic clips."""
        return None if self.long_synthetic is None else pipeline_unit(way, self.long_synthetic, self.work, self.cache)

    def sample_units(self) -> dict[str, Unit]:
        """The sample, by way."""
        units = {"MediaPipe": mediapipe_unit(self.sample)}
        return units | {way.name: sample_unit(way, self.sample, self.cache) for way in self.ways}

    def covered_units(self) -> dict[str, dict[str, Unit]]:
        """The sample with something before the person, by way and cover."""
        ways = {"MediaPipe": None, **{way.name: way for way in self.ways}}
        return {
            name: {cover: covered_unit(way, cover, self.sample, self.work / "covered", self.cache) for cover in COVERS}
            for name, way in ways.items()
        }

    def speed_units(self) -> dict[str, Unit]:
        """Speed, by preset."""
        return {way.name: speed_unit(way, self.repository) for way in self.presets}

    def worst(self, store: Store) -> list[tuple[Moment, Unit]]:
        """The default's worst moments."""
        by_name = {clip.name: clip for clip in self.clips}
        found = worst_moments(self.of_clips(store, self.default))
        return [(moment, worst_unit(self.default, by_name[moment.clip], moment, self.cache)) for moment in found]

    def units(self, part: str, store: Store) -> Iterator[Unit]:
        """The units of a part, the most telling first.

        Args:
            part: of `PARTS`.
            store: for what depends on other parts' figures.
        """
        if part == "clips":
            yield from self._on_clips(self.ways, CAMERAS)
        elif part == "synthetic":
            yield from self.estimator_units().values()
            for units in self.variant_units().values():
                yield from units.values()
        elif part == "stages":
            ways = [way for group in self.stage_ways().values() for way in group]
            units = [self.stage_unit(way) for way in ways]
            yield from (unit for unit in units if unit is not None)
            yield from self._on_clips(ways, ("given",))
        elif part == "presets":
            yield from self._on_clips(self.presets, ("given",))
        elif part == "speed":
            yield from self.speed_units().values()
        elif part == "sample":
            yield from self.sample_units().values()
            for units in self.covered_units().values():
                yield from units.values()
        elif part == "worst":
            yield from (unit for _, unit in self.worst(store))

    def _on_clips(self, ways: list[Way], cameras: tuple[str, ...]) -> Iterator[Unit]:
        for camera in cameras:
            for way in ways:
                for clip in self.clips:
                    yield clip_unit(way, clip, camera, self.cache)
