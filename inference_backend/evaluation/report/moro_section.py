"""The page's section about MoRo trained without parts of it: figures that `moro_ablation` left."""

import json
from pathlib import Path
from typing import Final

from .synthetic_section import tables_by_kind

MORO_FOLDER: Final = "moro"
"""In the folder of figures: what `moro_ablation` writes."""


def trained_without(work: Path) -> str:
    """Tables of variants that were trained alike.

    Args:
        work: folder of figures.

    Returns:
        How they were made and a table for each kind of clip; "" where there are no figures.
    """
    path = work / MORO_FOLDER / "ablation.json"
    if not path.is_file():
        return ""
    told = json.loads(path.read_text(encoding="utf-8"))
    made = (
        f"`python -m inference_backend.evaluation.moro_ablation --steps {told['steps']} --clips {told['clips']} "
        f"--frames {told['frames']}` at {told['commit'] or 'no checkout'}; size {told['size']}, {told['steps']} steps "
        f"of {told['batch']} windows of {told['window']} frames, seed {told['seed']}, start {told['start'][:8]}, "
        f"landmark encoder {told['landmarks'][:8]}; {told['clips']} motions of {told['frames']} frames of the "
        f"{told['split']} subjects, each once clear and once occluded."
    )
    return f"{made}\n\n{tables_by_kind(told['rows'])}"
