"""Writes docs/evaluation.md, docs/evaluation_clips.md and their pictures: words from the templates
beside this file, tables from the figures that there are."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .clip_sections import clip_tables, worst_tables
from .evaluation import Evaluation
from .moro_section import trained_without
from .other_sections import covered_tables, preset_tables, sample_tables, speed_tables
from .rope_section import rope_tables
from .runs import runs_table
from .stage_section import stage_tables
from .store import Store
from .synthetic_section import synthetic_tables

PAGE: Final = "evaluation.md"
TEMPLATES: Final = {
    page: Path(__file__).with_name(page.replace(".md", ".template.md")) for page in (PAGE, "evaluation_clips.md")
}
BEGIN, END = "<!-- written by hand -->", "<!-- end -->"
_MARK: Final = re.compile(r"\{\{(\w+)\}\}")


def hand_written(path: Path) -> str:
    """The part of a page that is kept, marks included."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if BEGIN in text and END in text:
        return text[text.index(BEGIN) : text.index(END) + len(END)]
    return f"{BEGIN}\n{END}"


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its marks `{{name}}` filled; a section that would hold nothing but words is left out."""
    blocks = []
    for block in re.split(r"(?m)^(?=#{2,3} )", template):
        names = _MARK.findall(block)
        if not names or any(values.get(name) for name in names):
            blocks.append(_MARK.sub(lambda mark: values.get(mark[1], ""), block))
    return re.sub(r"\n{3,}", "\n\n", "".join(blocks)).rstrip() + "\n"


def write_pages(evaluation: Evaluation, store: Store, docs: Path, draw: list[str]) -> None:
    """Write the pages and their pictures.

    Args:
        evaluation: what was measured.
        store: its figures.
        docs: folder of the pages; pictures go to `images` in it.
        draw: patterns of clips whose recovered bodies may be drawn.
    """
    images = docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    values = {
        "findings": hand_written(docs / PAGE),
        "missing": "\n".join(f"- Not measured: {sentence}" for sentence in evaluation.missing),
        "runs": runs_table(docs / "evaluation_runs.csv"),
        **clip_tables(evaluation, store, images),
        **worst_tables(evaluation, store, images, draw),
        **synthetic_tables(evaluation, store, images),
        "trained_without": trained_without(evaluation.work),
        **rope_tables(evaluation.work),
        **stage_tables(evaluation, store),
        **speed_tables(evaluation, store, images),
        **preset_tables(evaluation, store),
        **sample_tables(evaluation, store),
        **covered_tables(evaluation, store),
    }
    for page, template in TEMPLATES.items():
        (docs / page).write_text(filled(template.read_text(encoding="utf-8"), values), encoding="utf-8")
