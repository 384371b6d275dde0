"""The page's section about estimators alone on synthetic clips, with MoRo's ablation."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..synthetic.compare import COLUMNS
from ..tables import columns_of, table
from . import plots
from .evaluation import Evaluation
from .store import Figures, Store, made_by
from .synthetic_scores import KINDS, SyntheticSet

_PANELS: Final = {"clear": ("MPJPE", "PA-MPJPE", "PVE"), "occluded": ("MPJPE-vis", "MPJPE-occ", "PA-MPJPE")}


def synthetic_tables(evaluation: Evaluation, store: Store, images: Path) -> dict[str, str]:
    """Tables of estimators, links and ablations; a plot."""
    clips = evaluation.synthetic
    if clips is None:
        return {}
    units = evaluation.estimator_units()
    found = {name: figures for name, unit in units.items() if (figures := store.get(unit)) is not None}
    estimators = [way.name for way in evaluation.ways if way.name in found]
    if not estimators:
        return {}
    out = {
        "synthetic_made": made_by("synthetic", [found[name] for name in estimators], _what(clips)),
        "synthetic": _tables(estimators, found),
    }
    for key, variants in evaluation.variant_units().items():
        rows = {name: figures for name, unit in variants.items() if (figures := store.get(unit)) is not None}
        if rows and evaluation.few_synthetic is not None:
            made = made_by("synthetic", rows.values(), _what(evaluation.few_synthetic))
            out[key] = f"{made}\n\n{_tables(list(rows), rows)}"
    panels = {}
    for title, columns in _PANELS.items():
        series = {name: {c: found[name].values[title].get(c, math.nan) for c in columns} for name in estimators}
        panels[title] = (columns, series)
    plots.grouped_bars(images / "evaluation_synthetic.png", panels, "mm")
    return out


def _what(clips: SyntheticSet) -> str:
    return f"{clips.count} motions of {clips.frames} frames of the test subjects, each once clear and once occluded"


def _tables(names: list[str], found: dict[str, Figures]) -> str:
    return tables_by_kind({name: found[name].values for name in names})


def tables_by_kind(rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A table for each kind of clip, of figures by name of a row and kind."""
    header = [c.replace("-vis", " visible").replace("-occ", " hidden") for c in COLUMNS]
    return "\n\n".join(
        table([kind, *header], [[name, *columns_of(COLUMNS, figures[kind])] for name, figures in rows.items()])
        for kind in KINDS
    )
