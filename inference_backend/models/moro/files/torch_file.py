"""Reading checkpoints of `torch.save` without running anything that is stored in them.

Such a file is a zip archive with one pickle and one raw file for each tensor storage. A pickle names Python objects to
call; here nothing that it names is ever looked up. The few names that describe tensors stand for code of ours, every
other name becomes an inert placeholder. Tensors are described first and read later, so that optimiser state, of which
training checkpoints are full, is never loaded.
"""

import io
import pickle
import pickletools
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import torch
from torch import Tensor

from ....protocol.errors import ErrorCode, RecoverError

_STORAGES: Final = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


_PUTS: Final = ("PUT", "BINPUT", "LONG_BINPUT")


class Placeholder:
    """Stands for any object that a file names; takes everything and does nothing."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "Placeholder":  # noqa: D102
        return object.__new__(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass

    def __setitem__(self, _key: Any, _value: Any) -> None:
        pass

    def append(self, _item: Any) -> None:
        """Ignore."""

    def extend(self, _items: Any) -> None:
        """Ignore."""

    def add(self, _item: Any) -> None:
        """Ignore."""


class _Mapping(dict):
    """An ordered dictionary whose attributes cannot be set from a file."""

    def __setstate__(self, _state: Any) -> None:
        pass


class Builder(Placeholder):
    """A name in a file that stands for a function of ours."""

    __slots__ = ("_build",)

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = build

    def __call__(self, *args: Any) -> Any:  # noqa: D102
        return self._build(*args)


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: torch.dtype


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor lies in the file: storage, offset and layout in numbers of elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def dtype(self) -> torch.dtype:
        """Element type."""
        return self.storage.dtype


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_rest: Any) -> StoredTensor | Placeholder:
    if not isinstance(storage, _Storage):
        return Placeholder()
    return StoredTensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def _names() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Any] = {
        ("torch._utils", "_rebuild_tensor_v2"): Builder(_tensor),
        ("torch._utils", "_rebuild_parameter"): Builder(lambda data, *_: data),
        ("collections", "OrderedDict"): Builder(lambda *pairs: _Mapping(*pairs)),
    }
    for name, dtype in _STORAGES.items():
        names["torch", name] = _Storage("", dtype)
    return names


def _refuse_huge_memo(data: bytes) -> None:
    """Raise for a memo index that no pickle of this length needs: the unpickler would allocate a table of that size."""
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in _PUTS and argument > len(data):
            raise ValueError("it names an object that it cannot hold")


class SafeUnpickler(pickle.Unpickler):
    """Unpickles numbers, strings, containers and described tensors; looks up no name outside its own table."""

    def __init__(self, data: bytes, names: dict[tuple[str, str], Any] | None = None, encoding: str = "ASCII") -> None:
        _refuse_huge_memo(data)
        super().__init__(io.BytesIO(data), encoding=encoding)
        self._names = _names() if names is None else names

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for: ours, or a fresh placeholder class."""
        found = self._names.get((module, name))
        return type("Placeholder", (Placeholder,), {}) if found is None else found

    def persistent_load(self, pid: Any) -> Any:
        """A storage: `("storage", type, key, device, elements)`."""
        match pid:
            case ("storage", _Storage(dtype=dtype), str(key), *_):
                return _Storage(key, dtype)
        return Placeholder()


_DAMAGE = (
    zipfile.BadZipFile, pickle.UnpicklingError, ValueError, EOFError, KeyError, TypeError, AttributeError, IndexError,
    OverflowError, UnicodeDecodeError, OSError, RuntimeError, zlib.error,
)  # fmt: skip
"""What reading damaged or hostile bytes may raise."""


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn whatever reading a file raises into a `RecoverError` that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise RecoverError(
            ErrorCode.MISSING_PART, f"The file {path} does not exist.", "Name the file that you downloaded."
        ) from error
    except _DAMAGE as error:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The file {path} cannot be read: it is truncated, damaged or not of the expected kind ({error}).",
            "Download it again and compare its size with the one on the download page.",
        ) from error


class TorchFile:
    """A checkpoint: `contents` as stored, with tensors described; `read` loads one.

    Raises:
        RecoverError: the file is missing, truncated, damaged, or not a checkpoint (from `read` as well).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with damage_named(path):
            self._archive = zipfile.ZipFile(path)
            names = set(self._archive.namelist())
            pickles = [name for name in names if name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise ValueError("it is not a file that torch.save wrote")
            self._folder = pickles[0].removesuffix("data.pkl")
            order = f"{self._folder}byteorder"
            if order in names and self._archive.read(order).strip() != b"little":
                raise ValueError("it was written on a machine of the other byte order")
            self.contents: Any = SafeUnpickler(self._archive.read(pickles[0])).load()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._archive.close()

    def read(self, tensor: StoredTensor) -> Tensor:
        """Load one tensor, contiguous."""
        with damage_named(self._path):
            data = bytearray(self._archive.read(f"{self._folder}data/{tensor.storage.key}"))
            if 0 in tensor.shape:
                return torch.empty(tensor.shape, dtype=tensor.dtype)
            flat = torch.frombuffer(data, dtype=tensor.dtype)
            reach = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride, strict=True)) + 1
            if min((tensor.offset, *tensor.stride)) < 0 or reach > len(flat):
                raise ValueError("a tensor reaches beyond its data")
            return flat.as_strided(tensor.shape, tensor.stride, tensor.offset).contiguous()
