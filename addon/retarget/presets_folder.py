"""The rig presets at hand: those that come with the add-on, and the person's own, which it can save and share."""

import contextlib
import json
import re
from pathlib import Path
from typing import Final

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..core.retarget.bone_map import BoneMap, as_preset
from ..core.retarget.preset import RigPreset, load_preset
from ..setup.locations import PACKAGE_FOLDER, data_folder

SHIPPED: Final = PACKAGE_FOLDER / "presets" / "rigs"


def own_folder() -> Path:
    """Where the person's own maps are kept, made when absent and when it can be."""
    folder = data_folder() / "rigs"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def all_presets() -> tuple[list[RigPreset], list[RecoverError]]:
    """All presets by name, the person's own first where a key is there twice; and what is wrong with others."""
    found: dict[str, RigPreset] = {}
    wrong: list[RecoverError] = []
    for folder in (own_folder(), SHIPPED):
        for file in sorted(folder.glob("*.json")):
            stamp = file.stat().st_mtime_ns
            if _read.get(file, (0, None))[0] != stamp:
                try:
                    _read[file] = (stamp, load_preset(file))
                except RecoverError as error:
                    _read[file] = (stamp, error)
            preset = _read[file][1]
            if isinstance(preset, RigPreset):
                found.setdefault(preset.key, preset)
            else:
                wrong.append(preset)
    return sorted(found.values(), key=lambda preset: preset.name.casefold()), wrong


_read: dict[Path, tuple[int, RigPreset | RecoverError]] = {}


def preset_named(key: str) -> RigPreset | None:
    """The preset with a key."""
    return next((preset for preset in all_presets()[0] if preset.key == key), None)


def save_map(file: Path, bone_map: BoneMap, name: str) -> None:
    """Write a map as a preset file.

    Raises:
        RecoverError: `BAD_OUTPUT`, the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(as_preset(bone_map, name), indent=2, ensure_ascii=False)
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The map cannot be written to {file}: {error.strerror or error}.",
            "Choose a folder that may be written to.",
        ) from None


def file_name(name: str) -> str:
    """A file name for a map that the person calls `name`."""
    return (re.sub(r"[^\w-]+", "_", name.strip()).strip("_").lower() or "my_rig") + ".json"
