"""Export presets: `presets/export/*.json`, and the person's own beside them. What each field means: docs/export.md."""

import functools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..core.export.root_motion import RootMode

FOLDER: Final = Path(__file__).resolve().parents[2] / "presets" / "export"
FORMAT: Final = 1
FILES: Final = ("fbx", "glb", "bvh", "usd", "abc")
SEVERAL_CLIPS: Final = ("fbx", "glb")
"""Files that can hold more than one clip."""
MESH_ONLY: Final = ("abc",)
"""Files that know no bones: the moving surface is all they hold."""
SKELETON_ONLY: Final = ("bvh",)
"""Files that know no surface."""
_UP: Final = {"fbx": "YZ", "glb": "Y", "bvh": "YZ", "usd": "Z", "abc": "Y"}


@dataclass(frozen=True)
class ExportPreset:
    """How files for one program are written.

    Attributes:
        name: its file's name without `.json`.
        label, description: for the person.
        order: place in the menu.
        sources: public pages that say so.
        file: one of `FILES`, the suffix of the written file.
        unit_m: metres in one unit of the numbers in the file.
        declared_m: metres that the file says one unit is.
        up: the file's axis that points up, `Y` (a person faces +z) or `Z` (a person faces -y).
        root: `floor`: exactly one root bone at the origin; `hips`: nothing above the hips.
        root_name: of a root bone that has to be added.
        max_influences: at most so many bones move a vertex; None for any number.
        needed_bones: names without which the program cannot use the file.
        needed_remedy: what to do when they are missing.
        with_mesh, motion, start_at_origin, fps: what the options start as; `fps` None is the scene's.
        exporter: further arguments of Blender's exporter.
    """

    name: str
    label: str
    description: str
    order: int
    sources: tuple[str, ...]
    file: str
    unit_m: float
    declared_m: float
    up: str
    root: str
    root_name: str = "root"
    max_influences: int | None = None
    needed_bones: tuple[str, ...] = ()
    needed_remedy: str = ""
    with_mesh: bool = True
    motion: RootMode = RootMode.AS_ANIMATED
    start_at_origin: bool = False
    fps: float | None = None
    exporter: dict[str, Any] = field(default_factory=dict)


def load_preset(path: Path) -> ExportPreset:
    """Read and check one preset.

    Raises:
        RecoverError: `BAD_SETTING`, with the file, the field and what it must be.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _bad(path, f"cannot be read ({error})") from error
    return parse_preset(content, path)


def parse_preset(content: Any, path: Path) -> ExportPreset:
    """Check the JSON content of a preset; `path` names it. Raises as `load_preset`."""
    top = _Fields(content, path, "")
    top.choice("format", (FORMAT,))
    file = top.choice("file", FILES)
    unit = _Fields(top.get("unit", dict), path, "unit.")
    unit_m = unit.positive("metres")
    bones = _Fields(top.get("needed_bones", dict, {}), path, "needed_bones.")
    start = _Fields(top.get("defaults", dict, {}), path, "defaults.")
    preset = ExportPreset(
        name=path.stem,
        label=top.get("label", str),
        description=top.get("description", str),
        order=top.get("order", int),
        sources=tuple(top.strings("sources")),
        file=file,
        unit_m=unit_m,
        declared_m=unit.positive("declared_metres", unit_m),
        up=top.choice("up", tuple(_UP[file])),
        root=top.choice("root", ("floor", "hips")),
        root_name=top.get("root_name", str, "root"),
        max_influences=top.get("max_influences", (int, type(None)), None),
        needed_bones=tuple(bones.strings("names", [])),
        needed_remedy=bones.get("remedy", str, ""),
        with_mesh=start.get("with_mesh", bool, file not in SKELETON_ONLY),
        motion=RootMode(start.choice("motion", tuple(RootMode), RootMode.AS_ANIMATED)),
        start_at_origin=start.get("start_at_origin", bool, False),
        fps=start.positive("fps", None),
        exporter=top.get("exporter", dict, {}),
    )
    for fields in (top, unit, bones, start):
        fields.nothing_else()
    if preset.with_mesh and file in SKELETON_ONLY:
        raise _bad(path, f"asks for a mesh (defaults.with_mesh), which {file} files cannot hold")
    if not preset.with_mesh and file in MESH_ONLY:
        raise _bad(path, f"asks for no mesh (defaults.with_mesh), but {file} files hold nothing else")
    if preset.max_influences is not None and preset.max_influences < 1:
        raise _bad(path, "needs max_influences to be 1 or more, or null")
    return preset


class _Fields:
    """The fields of one JSON object, each asked for once; what was not asked for is a mistake."""

    def __init__(self, content: Any, path: Path, prefix: str) -> None:
        if not isinstance(content, dict):
            raise _bad(path, f"needs {prefix.rstrip('.') or 'its content'} to be a JSON object")
        self._content, self._path, self._prefix = content, path, prefix
        self._asked: set[str] = set()

    def get(self, name: str, kind: type | tuple[type, ...], default: Any = ...) -> Any:
        """A field of a type, or its default when it is missing."""
        self._asked.add(name)
        value = self._content.get(name, default)
        if value is ...:
            raise _bad(self._path, f"has no field {self._prefix}{name}")
        is_bool = isinstance(value, bool) and kind is not bool
        if name in self._content and (not isinstance(value, kind) or is_bool):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            wanted = " or ".join(_SPOKEN[k] for k in kinds)
            raise _bad(self._path, f"needs {self._prefix}{name} to be {wanted}, not {json.dumps(value)}")
        return value

    def choice(self, name: str, values: tuple[Any, ...], default: Any = ...) -> Any:
        """A field that is one of some values."""
        value = self.get(name, (str, int, float), default)
        if value not in values:
            wanted = " or ".join(str(v) for v in values)
            raise _bad(self._path, f"needs {self._prefix}{name} to be {wanted}, not {json.dumps(value)}")
        return value

    def positive(self, name: str, default: Any = ...) -> float | None:
        """A number above zero; where the default is None, also null."""
        value = self.get(name, (int, float, type(None)) if default is None else (int, float), default)
        if value is not None and not 0 < value < float("inf"):
            raise _bad(self._path, f"needs {self._prefix}{name} to be above 0, not {value}")
        return value

    def strings(self, name: str, default: Any = ...) -> list[str]:
        """A list of strings."""
        values = self.get(name, list, default)
        if not all(isinstance(value, str) for value in values):
            raise _bad(self._path, f"needs {self._prefix}{name} to be a list of strings")
        return values

    def nothing_else(self) -> None:
        """Refuse fields that mean nothing."""
        for name in self._content:
            if name not in self._asked:
                raise _bad(self._path, f"has a field {self._prefix}{name} that means nothing")


_SPOKEN: Final = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a JSON object",
    type(None): "null",
}


def _bad(path: Path, what: str) -> RecoverError:
    return RecoverError(
        ErrorCode.BAD_SETTING,
        f"The export preset {path} {what}.",
        "Correct it (docs/export.md says how), or remove the file.",
    )


@functools.lru_cache
def _unchanged(path: Path, _changed_ns: int) -> ExportPreset:
    """`load_preset`, once for each state of a file: panels ask at every redraw."""
    return load_preset(path)


def find_presets(folders: list[Path]) -> tuple[tuple[ExportPreset, ...], list[RecoverError]]:
    """All presets of some folders in the menu's order, and what is wrong with the others.

    A preset of a later folder takes the place of one with the same name.
    """
    found: dict[str, ExportPreset] = {}
    problems = []
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            try:
                found[path.stem] = _unchanged(path, path.stat().st_mtime_ns)
            except RecoverError as error:
                problems.append(error)
    return tuple(sorted(found.values(), key=lambda preset: (preset.order, preset.name))), problems
