"""Records to `.npz` files and back, without pickle.

Generic over what stages exchange: a dataclass of arrays, numbers, texts, paths, None, and lists, tuples or string-keyed
dicts of these, nested at will. Arrays are members of the archive; the rest is one JSON text in the member `record`.
Reading builds only the classes of `RECORDS`.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from .background import Background
from .camera import Camera, WorldFrame
from .motion import Contacts, PhysicsReport, PoseEstimate, TrajectoryReport, WorldMotion
from .people import PersonTrack
from .video import Shots, Video

RECORDS: Final[dict[str, type]] = {
    cls.__name__: cls
    for cls in (
        Video,
        Shots,
        Background,
        PersonTrack,
        Camera,
        WorldFrame,
        PoseEstimate,
        WorldMotion,
        Contacts,
        TrajectoryReport,
        PhysicsReport,
    )
}
"""The classes that a file may name."""

_COMPRESS_LEVEL: Final = 4
"""Of zlib: a quarter of the time that numpy's choice of 6 takes, for 4 % more bytes."""


class DamagedRecord(ValueError):
    """A file that cannot be read back: cut short, of another version, or something else altogether."""


def save_record(path: Path, value: Any) -> None:
    """Write a value so that `path` holds the whole of it or is left as it was.

    Args:
        path: file to write; its folder exists.
        value: what `load_record` shall return.

    Raises:
        OSError: the file cannot be written.
        TypeError: the value holds something that has no place in a record.
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_flatten(value, arrays))
    write_npz(path, {"record": np.frombuffer(text.encode("ascii"), np.uint8), **arrays})


def load_record(path: Path) -> Any:
    """Read what `save_record` wrote.

    Args:
        path: the file.

    Raises:
        DamagedRecord: the file is absent, incomplete, or not a record of this version.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return _rebuild(json.loads(arrays.pop("record").tobytes()), arrays)
    except (
        OSError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise DamagedRecord(f"{path.name}: {error}") from error


def write_npz(path: Path, arrays: dict[str, np.ndarray], *, compress: bool = False) -> None:
    """Write a `.npz` in one step: a temporary file in the same folder, flushed to disk, then moved into place.

    Args:
        path: file to write; its folder exists.
        arrays: the members, none of dtype object.
        compress: deflate the members.

    Raises:
        OSError: the file cannot be written; `path` is as it was.
        TypeError: an array would need pickle.
    """
    part = write_part(path.parent, arrays, compress=compress)
    try:
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_part(folder: Path, arrays: Mapping[str, np.ndarray], *, compress: bool = False) -> Path:
    """Write a `.npz` under a temporary name, flushed to disk, for the caller to move into place.

    Args:
        folder: exists.
        arrays: the members, none of dtype object.
        compress: deflate the members.

    Returns:
        Its path. Nothing is left when an error is raised.

    Raises:
        OSError: the file cannot be written.
        TypeError: an array would need pickle.
    """
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"{name} holds objects.")
    # Short and independent of the final name, which may already be as long as the file system allows.
    part = folder / f".{os.getpid()}-{os.urandom(4).hex()}.part"
    try:
        with part.open("wb") as file:
            method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
            with zipfile.ZipFile(file, "w", method, compresslevel=_COMPRESS_LEVEL) as archive:
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


def _flatten(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, list):
        return [_flatten(item, arrays) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_flatten(item, arrays) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _flatten(item, arrays) for key, item in value.items()}}
    if is_dataclass(value) and RECORDS.get(type(value).__name__) is type(value):
        members = {entry.name: _flatten(getattr(value, entry.name), arrays) for entry in fields(value)}
        return {"record": type(value).__name__, "fields": members}
    raise TypeError(f"{type(value).__name__} has no place in a record.")


def _rebuild(data: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(data, list):
        return [_rebuild(item, arrays) for item in data]
    if not isinstance(data, dict):
        return data
    if "array" in data:
        return arrays[data["array"]]
    if "path" in data:
        return Path(data["path"])
    if "tuple" in data:
        return tuple(_rebuild(item, arrays) for item in data["tuple"])
    if "dict" in data:
        return {key: _rebuild(item, arrays) for key, item in data["dict"].items()}
    members = {key: _rebuild(item, arrays) for key, item in data["fields"].items()}
    return RECORDS[data["record"]](**members)
