"""Quality presets: `presets/quality/*.json`, each a name, a description and part of the backend's settings."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "presets" / "quality"


@dataclass(frozen=True)
class Quality:
    """One preset.

    Attributes:
        name: its file's name.
        label, description: for the person.
        order: place in the menu.
        settings: part of `RecoverSettings` as JSON.
    """

    name: str
    label: str
    description: str
    order: int
    settings: dict[str, Any]

    @property
    def tooltip(self) -> str:
        """The description, and what the preset changes; without a final stop, which Blender adds."""
        changes = [
            f"{stage}.{name} = {value}" for stage, values in self.settings.items() for name, value in values.items()
        ]
        return f"{self.description}. Sets {', '.join(changes)}" if changes else self.description


@functools.cache
def presets() -> tuple[Quality, ...]:
    """All presets, the default first."""
    found = []
    for file in FOLDER.glob("*.json"):
        content = json.loads(file.read_text(encoding="utf-8"))
        found.append(
            Quality(file.stem, content["label"], content["description"], content["order"], content["settings"])
        )
    return tuple(sorted(found, key=lambda quality: quality.order))


def enum_items() -> tuple[tuple[str, str, str], ...]:
    """Items for an enum property, the default first."""
    return tuple((entry.name, entry.label, entry.tooltip) for entry in presets())


def settings_of(name: str) -> dict[str, Any]:
    """The part of the backend's settings that a preset chooses; nothing for an unknown name."""
    return next((entry.settings for entry in presets() if entry.name == name), {})
