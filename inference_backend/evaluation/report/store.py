"""Figures on disk: each is made once for what it depends on, so that an evaluation can be stopped and continued."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Unit:
    """A piece of work that gives figures.

    Attributes:
        part: of the evaluation.
        name: what it is called in that part; the same for other weights or settings of the same thing.
        recipe: JSON-able, all that its figures depend on.
        work: makes the figures, JSON-able.
    """

    part: str
    name: str
    recipe: Mapping[str, Any]
    work: Callable[[], dict[str, Any]]

    @property
    def key(self) -> str:
        """Changes with the recipe."""
        text = json.dumps(self.recipe, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:24]


@dataclass(frozen=True)
class Figures:
    """What a unit gave.

    Attributes:
        values: the figures.
        commit: of the code that made them.
        current: made from the recipe of today; False for those of earlier weights, settings or stages.
    """

    values: dict[str, Any]
    commit: str
    current: bool


class Store:
    """A folder `PART/KEY.json`. Units of the same recipe share their figures, whatever they are called."""

    def __init__(self, folder: Path, commit: str) -> None:
        self.folder, self.commit = folder, commit
        self._newest: dict[str, dict[str, Path]] = {}

    def get(self, unit: Unit) -> Figures | None:
        """A unit's figures, else the newest that were made under its name, else None."""
        own = self._path(unit)
        if own.is_file():
            return _read(own, current=True)
        other = self._by_name(unit.part).get(unit.name)
        return None if other is None else _read(other, current=False)

    def make(self, unit: Unit) -> Figures:
        """A unit's figures, made now unless they are there."""
        path = self._path(unit)
        if not path.is_file():
            content = {"name": unit.name, "commit": self.commit, "recipe": unit.recipe, "values": unit.work()}
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_text(json.dumps(content, indent=1, default=float), encoding="utf-8")
            part.replace(path)
        return _read(path, current=True)

    def _path(self, unit: Unit) -> Path:
        return self.folder / unit.part / f"{unit.key}.json"

    def _by_name(self, part: str) -> dict[str, Path]:
        if part not in self._newest:
            paths = sorted((self.folder / part).glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
            self._newest[part] = {json.loads(path.read_text(encoding="utf-8"))["name"]: path for path in paths}
        return self._newest[part]


def _read(path: Path, *, current: bool) -> Figures:
    content = json.loads(path.read_text(encoding="utf-8"))
    return Figures(content["values"], content["commit"], current)


def made_by(part: str, figures: Iterable[Figures | None], settings: str) -> str:
    """The line over a table: command, commits and settings."""
    found = [each for each in figures if each is not None]
    commits = ", ".join(sorted({each.commit or "no checkout" for each in found}))
    text = f"`make evaluate PARTS={part}` at {commits}; {settings}."
    if not all(each.current for each in found):
        text += " **Some rows are of earlier weights or stages.**"
    return text


def commit_of(repository: Path) -> str:
    """Short name of the checked-out commit, with a `+` where the code differs from it; "" outside of a checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        name = git("rev-parse", "--short=7", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "inference_backend", "presets")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return name + ("+" if changed else "")
