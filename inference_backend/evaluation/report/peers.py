"""Figures of others on the reference clips, read from the tables in the folder's own README."""

import re
from pathlib import Path
from typing import Final

_NAMES: Final = {
    "Abs": "Abs-MPJPE", "W": "W-MPJPE", "WA": "WA-MPJPE", "PA-MPJPE": "PA-MPJPE", "MPJPE": "MPJPE", "Accel": "Accel",
    "G-Accel": "G-Accel", "Jitter": "Jitter", "Jitter / ref": "Jitter", "FS": "FS", "FS / ref": "FS",
}  # fmt: skip
"""Columns of the README -> metrics; of `a / b` the first number."""
_PAIRS: Final = {"PA vis / occ": ("PA-vis", "PA-occ"), "MPJPE vis / occ": ("MPJPE-vis", "MPJPE-occ")}
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
Rows = dict[str, dict[str, float]]


def read_tables(text: str) -> list[list[dict[str, str]]]:
    """The Markdown tables of a text, each row by column."""
    tables: list[list[dict[str, str]]] = []
    header: list[str] | None = None
    for line in text.splitlines():
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if header is None:
            header = cells
            tables.append([])
        elif set("".join(cells)) - set("-: "):
            tables[-1].append(dict(zip(header, cells, strict=False)))
    return tables


def _figures(row: dict[str, str]) -> dict[str, float]:
    out = {}
    for column, cell in row.items():
        if column in _NAMES and (found := _NUMBER.search(cell)):
            out[_NAMES[column]] = float(found[0])
        for name, part in zip(_PAIRS.get(column, ()), cell.split("/"), strict=False):
            if found := _NUMBER.fullmatch(part.strip()):
                out[name] = float(found[0])
        if column == "RTE %":
            inside = re.search(r"\((\d+(?:\.\d+)?) mm\)", cell)
            out |= {"RTE-mm": float(inside[1])} if inside else {}
            out |= {"RTE": float(found[0])} if (found := _NUMBER.match(cell)) else {}
    return out


def read_baseline(folder: Path) -> Rows:
    """MediaPipe's own landmarks by clip; empty where the folder does not say."""
    for table in _tables(folder):
        if table and "found %" in table[0]:
            return {row["clip"]: _figures(row) for row in table if "(" not in row["clip"]}
    return {}


def read_peers(folder: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Learned peers, by clip and method; empty where the folder does not say."""
    for table in _tables(folder):
        if table and "method" in table[0]:
            return {(row["clip"], row["method"]): _figures(row) for row in table}
    return {}


def _tables(folder: Path) -> list[list[dict[str, str]]]:
    readme = folder / "README.md"
    return read_tables(readme.read_text(encoding="utf-8")) if readme.is_file() else []
