"""The page's sections about speed, presets and the sample clip."""

from pathlib import Path
from typing import Final

from ..clips import groups
from ..tables import columns_of, table
from . import plots
from .clip_scores import means
from .evaluation import Evaluation
from .store import Store, made_by

_STAGES: Final = {
    "find_people": "people", "find_shots": "shots", "estimate": "estimate", "place_in_world": "world",
    "regenerate_paths": "trajectory", "find_contacts": "contacts", "lock_feet": "foot lock",
    "follow_background": "background", "apply_physics": "physics",
}  # fmt: skip
_PRESET: Final = ("PA-MPJPE", "MPJPE", "W-MPJPE", "Jitter", "FS")
_AIMS: Final = {"draft": "0.5", "balanced": "0.3"}
_SAMPLE: Final = ("PA-MPJPE", "MPJPE", "MPJPE-vis", "MPJPE-occ", "Abs-MPJPE", "W-MPJPE", "WA-MPJPE", "RTE-mm",
                  "G-Accel", "Jitter", "FS")  # fmt: skip

_COVERED: Final = ("PA-MPJPE", "MPJPE-occ", "W-MPJPE")


def stage_parts(line: dict) -> dict[str, float]:
    """Milliseconds a frame by stage of a benchmark's line, with everything else under `rest`."""
    told = {label: line["stages_ms"].get(name, 0.0) for name, label in _STAGES.items()}
    told = {label: value for label, value in told.items() if value > 0}
    return told | {"rest": line["pipeline_ms"] - sum(told.values())}


def _poses(count: str) -> str:
    return f"{count} pose{'' if count == '1' else 's'}"


def speed_tables(evaluation: Evaluation, store: Store, images: Path) -> dict[str, str]:
    """Presets: speed beside MediaPipe's, stages, memory, errors."""
    found = {
        name: figures for name, unit in evaluation.speed_units().items() if (figures := store.get(unit)) is not None
    }
    if not found:
        return {}
    rows, times = [], {}
    for name, figures in found.items():
        for poses, line in figures.values["speed"].items():
            parts = stage_parts(line)
            rows.append(
                [
                    name,
                    poses,
                    f"{line['share']:.2f}",
                    _AIMS.get(name, ""),
                    line["mediapipe_ms"],
                    line["pipeline_ms"],
                    figures.values["peak_GB"],
                ]
            )
            times[f"{name}, {_poses(poses)}"] = parts
    labels = list(dict.fromkeys(label for parts in times.values() for label in parts))
    first = next(iter(found.values())).values["speed"]
    bars = {f"MediaPipe alone, {_poses(poses)}": {"people": line["mediapipe_ms"]} for poses, line in first.items()}
    plots.stage_times(images / "evaluation_stages.png", bars | times)
    header = ["preset", "poses", "share of MediaPipe's rate", "aim", "MediaPipe, ms", "pipeline, ms", "peak memory, GB"]
    return {
        "speed_made": made_by("speed", found.values(), "`tests/benchmarks/bench_presets.py`, one round"),
        "speed": table(header, rows, 2),
        "speed_stages": table(["", *labels], [[name, *columns_of(labels, parts)] for name, parts in times.items()], 2),
    }


def preset_tables(evaluation: Evaluation, store: Store) -> dict[str, str]:
    """Presets: means over the real clips, clean / occluded."""
    found = {way.name: evaluation.of_clips(store, way) for way in evaluation.presets}
    found = {name: each for name, each in found.items() if evaluation.clips and len(each) == len(evaluation.clips)}
    kinds = groups([clip.name for clip in evaluation.clips])
    rows = []
    for name, each in found.items():
        scores = {clip: figures.values["cleaned"] for clip, figures in each.items()}
        clean, occluded = (means(scores, kinds[kind]) for kind in ("clean", "occluded"))
        rows.append([name, *(f"{clean[column]:.1f} / {occluded[column]:.1f}" for column in _PRESET)])
    if not rows:
        return {}
    made = made_by(
        "presets", [figures for each in found.values() for figures in each.values()], "real clips, camera given"
    )
    return {"presets": made + " Means clean / occluded.\n\n" + table(["preset", *_PRESET], rows)}


def sample_tables(evaluation: Evaluation, store: Store) -> dict[str, str]:
    """The rendered sample: MediaPipe, and every way before and after clean-up."""
    found = {
        name: figures for name, unit in evaluation.sample_units().items() if (figures := store.get(unit)) is not None
    }
    if not found:
        return {}
    rows = []
    for name, figures in found.items():
        for state, label in (("raw", "before contacts and foot lock"), ("cleaned", "result")):
            if state in figures.values:
                values = figures.values[state]
                rows.append(
                    [
                        f"{name}, {label}" if name != "MediaPipe" else "MediaPipe's own landmarks",
                        *columns_of(_SAMPLE, values),
                    ]
                )
    reference = next(iter(found.values())).values["cleaned"]
    rows.append(["the truth", *columns_of(_SAMPLE, {"Jitter": reference["Jitter-ref"], "FS": reference["FS-ref"]})])
    return {
        "sample_made": made_by("sample", found.values(), "camera estimated"),
        "sample": table(["", *_SAMPLE], rows),
    }


def covered_tables(evaluation: Evaluation, store: Store) -> dict[str, str]:
    """The sample with something before the person: PA-MPJPE, hidden joints and the path, by way and cover."""
    rows, made = [], []
    for way, units in evaluation.covered_units().items():
        found = {cover: figures for cover, unit in units.items() if (figures := store.get(unit)) is not None}
        if not found:
            continue
        cells = [
            " / ".join(f"{found[cover].values['cleaned'][column]:.0f}" for column in _COVERED) if cover in found else ""
            for cover in units
        ]
        rows.append([way, *cells])
        made += found.values()
    if not rows:
        return {}
    return {
        "covered_made": made_by("sample", made, "camera estimated"),
        "covered": table([" / ".join(_COVERED), *next(iter(evaluation.covered_units().values()))], rows),
    }
