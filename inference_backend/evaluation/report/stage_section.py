"""The page's section about what each stage after the estimator is worth."""

from typing import Final

from ..clips import groups
from ..tables import columns_of, table
from .clip_scores import means
from .evaluation import Evaluation
from .store import Figures, Store, made_by

_SYNTHETIC: Final = ("MPJPE", "PA-MPJPE", "W-MPJPE-rigid", "WA-MPJPE-rigid", "RTE", "G-Accel", "Jitter", "Sliding")
_CLIPS: Final = ("PA-MPJPE", "MPJPE", "W-MPJPE", "WA-MPJPE", "RTE-mm", "G-Accel", "Jitter", "FS")


def stage_tables(evaluation: Evaluation, store: Store) -> dict[str, str]:
    """Tables with and without foot lock, regeneration and physics, on synthetic and on real clips."""
    parts = []
    made: list[Figures] = []
    clips = evaluation.long_synthetic
    for name, ways in evaluation.stage_ways().items():
        synthetic: dict[str, Figures] = {}
        real: dict[str, dict[str, Figures]] = {}
        for way in ways:
            label = way.name.removeprefix(f"{name}, ")
            unit = evaluation.stage_unit(way)
            if unit is not None and (figures := store.get(unit)) is not None:
                synthetic[label] = figures
            found = evaluation.of_clips(store, way)
            if evaluation.clips and len(found) == len(evaluation.clips):
                real[label] = found
        made += [*synthetic.values(), *(figures for each in real.values() for figures in each.values())]
        if synthetic:
            for kind in ("clear", "occluded"):
                raw = next(iter(synthetic.values())).values[f"{kind}, raw"]
                rows = [["as placed in the world", *columns_of(_SYNTHETIC, raw)]]
                rows += [[label, *columns_of(_SYNTHETIC, each.values[kind])] for label, each in synthetic.items()]
                parts += [table([f"{name}: synthetic, {kind}", *_SYNTHETIC], rows)]
        if real:
            kinds = groups([clip.name for clip in evaluation.clips])
            for kind in ("clean", "occluded"):
                raw = {clip: figures.values["raw"] for clip, figures in next(iter(real.values())).items()}
                rows = [["as placed in the world", *columns_of(_CLIPS, means(raw, kinds[kind]))]]
                for label, each in real.items():
                    scores = {clip: figures.values["cleaned"] for clip, figures in each.items()}
                    rows.append([label, *columns_of(_CLIPS, means(scores, kinds[kind]))])
                parts += [table([f"{name}: real clips, {kind}", *_CLIPS], rows)]
    if not parts:
        return {}
    what = "camera given"
    if clips is not None:
        what += f"; synthetic: {clips.count} motions of {clips.frames} frames of the test subjects"
    return {"stages_made": made_by("stages", made, what), "stages": "\n\n".join(parts)}
