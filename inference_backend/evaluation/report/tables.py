"""Markdown tables that say what made them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .store import Figures


def number(value: Any, digits: int = 1) -> str:
    """A number for a cell; nothing for one that is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return value if isinstance(value, str) else f"{value:.{digits}f}"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], digits: int = 1) -> str:
    """A table; cells are texts or numbers."""
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    lines += ["| " + " | ".join(number(cell, digits) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def made_by(part: str, figures: Iterable[Figures | None], settings: str) -> str:
    """The line over a table: command, commits and settings."""
    found = [each for each in figures if each is not None]
    commits = ", ".join(sorted({each.commit or "no checkout" for each in found}))
    text = f"`make evaluate PARTS={part}` at {commits}; {settings}."
    if not all(each.current for each in found):
        text += " **Some rows are of earlier weights or stages.**"
    return text


def columns_of(names: Mapping[str, str] | Sequence[str], values: Mapping[str, float]) -> list[float]:
    """The values of some columns, NaN where there is none."""
    return [values.get(name, math.nan) for name in names]
