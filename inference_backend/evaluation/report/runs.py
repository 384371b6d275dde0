"""The log of scoring runs on the reference clips: a row whenever figures change, kept with the documentation."""

import csv
from pathlib import Path
from typing import Final

from ..clips import groups
from ..tables import table
from .clip_scores import CAMERAS, means
from .evaluation import Evaluation
from .store import Store

COLUMNS: Final = ("commit", "way", "camera", "weights", "clean PA", "clean MPJPE", "occluded PA", "occluded MPJPE",
                  "occluded, hidden MPJPE")  # fmt: skip


def read_runs(path: Path) -> list[dict[str, str]]:
    """The rows of a log, oldest first; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def log_runs(evaluation: Evaluation, store: Store, path: Path) -> None:
    """Add a row for each way that was scored on all clips and whose figures are not the last ones in the log.

    Args:
        evaluation: what was measured.
        store: its figures.
        path: the log.
    """
    rows = read_runs(path)
    last = {(row["way"], row["camera"]): row for row in rows}
    for camera in CAMERAS:
        for way in evaluation.ways:
            found = evaluation.of_clips(store, way, camera)
            if not found or len(found) < len(evaluation.clips) or not all(each.current for each in found.values()):
                continue
            scores = {name: each.values["cleaned"] for name, each in found.items()}
            kinds = groups(list(scores))
            clean, occluded = means(scores, kinds["clean"]), means(scores, kinds["occluded"])
            commits = sorted({each.commit for each in found.values()})
            values = (clean["PA-MPJPE"], clean["MPJPE"], occluded["PA-MPJPE"], occluded["MPJPE"], occluded["MPJPE-occ"])
            texts = (" ".join(commits), way.name, camera, way.weights(), *(f"{value:.1f}" for value in values))
            row = dict(zip(COLUMNS, texts, strict=True))
            before = last.get((way.name, camera))
            if before is None or any(before[name] != row[name] for name in COLUMNS[3:]):
                rows.append(row)
    if not rows:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def runs_table(path: Path) -> str:
    """A log as a table."""
    rows = read_runs(path)
    return table(list(rows[0]), [list(row.values()) for row in rows]) if rows else ""
