"""Markdown tables of figures."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


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


def columns_of(names: Mapping[str, str] | Sequence[str], values: Mapping[str, float]) -> list[float]:
    """The values of some columns, NaN where there is none."""
    return [values.get(name, math.nan) for name in names]


def named_rows(title: str, columns: Sequence[str], rows: Mapping[str, Mapping[str, float]]) -> str:
    """A table of figures by name of a row and of a column; `title` is over the rows' names."""
    return table([title, *columns], [[name, *columns_of(columns, row)] for name, row in rows.items()])
