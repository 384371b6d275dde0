"""The page's sections about Rope's parts and the trajectory denoiser: figures that their own commands left."""

import json
from pathlib import Path
from typing import Any, Final

from ..tables import columns_of, table

ROPE_FOLDER: Final = "rope"
"""In the folder of figures: what `rope_ablation`, `sensitivity` and, by level, `trajectory` write."""
PATH_FOLDER: Final = "trajectory"
"""In the folder of figures: what `evaluation.trajectory` writes."""
_VARIANTS: Final = {
    "full": "full: HAGT + ACPR, with WhoBo",
    "no_whobo": "without WhoBo",
    "no_hagt": "without HAGT: tokens from the mean over the image",
    "no_acpr": "without ACPR: HAGT + MLP",
    "baseline_transformer": "baseline + transformer",
    "baseline": "baseline",
    "indep_only": "24 parts only",
    "inter_only": "11 parts only",
    "fulco_only": "6 parts only",
}
_ERRORS: Final = {"mpjpe": "MPJPE", "visible": "visible", "hidden": "hidden", "turn_deg": "rotations, degrees"}
_DISTURBED: Final = {
    "clear": "MPJPE", "mean": "with an occluder", "worst_place": "worst place", "worst_joint": "worst joint",
    "pa_clear": "PA-MPJPE", "pa_mean": "with an occluder",
}  # fmt: skip
_PATHS: Final = {
    "W-MPJPE-rigid": "W-MPJPE", "WA-MPJPE-rigid": "WA-MPJPE", "RTE": "RTE", "path": "path", "hidden": "in the gap",
    "MPJPE": "MPJPE", "Sliding": "Sliding", "Jitter": "Jitter",
}  # fmt: skip


def rope_tables(work: Path) -> dict[str, str]:
    """Rope's ablation, its occlusion sensitivity, single levels as the denoiser's source, and the denoiser's ablation.

    Args:
        work: folder of figures.
    """
    folder, out = work / ROPE_FOLDER, {}
    if ablation := _read(folder / "ablation.json"):
        recipe, rows = ablation["recipe"], ablation["rows"]
        fixed = f" on the backbone of {recipe['backbone'][:8]}, fixed" if recipe["backbone"] else ""
        out["rope_made"] = f"`{_command('rope_ablation')}`; {recipe['steps']} steps each{fixed}, seed {recipe['seed']}."
        out["rope_parts"] = table(
            ["", *_ERRORS.values(), "parameters, million"],
            [
                [_VARIANTS.get(name, name), *columns_of(_ERRORS, row), f"{row['parameters']:.2f}"]
                for name, row in rows.items()
            ],
        )
    if disturbed := _read(folder / "sensitivity.json"):
        out["rope_sensitivity"] = table(
            ["weights", "occluder", *_DISTURBED.values()],
            [[row["weights"], row["shape"], *columns_of(_DISTURBED, row)] for row in disturbed],
        )
    levels = {name: _read(folder / "levels" / name / "scores.json") for name in _VARIANTS}
    found = {name: scores for name, scores in levels.items() if scores}
    if found:
        out["rope_levels"] = _paths({_VARIANTS[name]: scores for name, scores in found.items()})
    if scores := _read(work / PATH_FOLDER / "scores.json"):
        out["trajectory"] = _paths({"": scores})
    return out


def _command(name: str) -> str:
    return f"python -m inference_backend.evaluation.{name}"


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _paths(sources: dict[str, dict[str, dict[str, dict[str, float]]]]) -> str:
    """Scores by source, kind of clip and way."""
    named = [""] if any(sources) else []
    rows = [
        [*([source] if named else []), kind, way, *columns_of(_PATHS, values)]
        for source, kinds in sources.items()
        for kind, ways in kinds.items()
        for way, values in ways.items()
    ]
    return table([*named, "clips", "regeneration", *_PATHS.values()], rows)
