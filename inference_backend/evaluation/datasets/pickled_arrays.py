"""Arrays out of the pickles that data sets are published in, without running anything that is stored in them.

A pickle may name any function to be called. Here only numpy's own constructors are looked up; sparse matrices and the
arrays of `chumpy`, which SMPL's files hold, are read by classes of ours; every other name becomes an inert placeholder.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from ...models.moro.files.torch_file import Builder, Placeholder, SafeUnpickler, damage_named


class _Stored(Placeholder):
    """Keeps an object's state without acting on it."""

    def __setstate__(self, state: Any) -> None:
        self.state = dict(state) if isinstance(state, dict) else {}


class _Chumpy(_Stored):
    """An array of `chumpy`: its numbers are `x`."""


class _Sparse(_Stored):
    """A compressed sparse matrix."""

    by_column = True


class _SparseRows(_Sparse):
    by_column = False


def _blank(kind: Any, *_base: Any) -> Any:
    """An object of one of the classes here, before its state is set."""
    return kind() if isinstance(kind, type) and issubclass(kind, Placeholder) else Placeholder()


def _names() -> dict[tuple[str, str], Any]:
    reconstruct, scalar = np.empty(0).__reduce__()[0], np.float64(0).__reduce__()[0]
    names: dict[tuple[str, str], Any] = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}
    for core in ("numpy.core.multiarray", "numpy._core.multiarray"):
        names[core, "_reconstruct"] = reconstruct
        names[core, "scalar"] = scalar
    for module, suffix in (("csc", "csc"), ("_csc", "csc"), ("csr", "csr"), ("_csr", "csr")):
        names[f"scipy.sparse.{module}", f"{suffix}_matrix"] = _Sparse if suffix == "csc" else _SparseRows
    for module in ("chumpy.ch", "chumpy"):
        names[module, "Ch"] = _Chumpy
    names["_codecs", "encode"] = Builder(lambda text, *_: str(text).encode("latin1"))  # bytes, in protocols before 3
    for module in ("copyreg", "copy_reg"):
        names[module, "_reconstructor"] = Builder(_blank)
    return names


_NAMES: Final = _names()


def load_pickled(path: Path) -> Any:
    """Containers, strings, numbers and arrays of a pickle; chumpy's arrays as numpy's, sparse matrices as dense.

    Raises:
        RecoverError: MISSING_PART when there is no such file, BAD_INPUT when it is damaged.
    """
    with damage_named(path):
        return _plain(SafeUnpickler(path.read_bytes(), _NAMES, encoding="latin1").load())


def numbers(value: Any, name: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """`value` as finite numbers of a shape; None in it for any length.

    Raises:
        ValueError: it is something else; the message names it.
    """
    array = np.asarray(value, np.float64) if isinstance(value, np.ndarray | list | tuple | float | int) else None
    if (
        array is None
        or array.ndim != len(shape)
        or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True))
    ):
        raise ValueError(f"{name} has not the expected shape")
    return array


def _plain(value: Any) -> Any:
    if isinstance(value, _Chumpy):
        return np.asarray(value.state.get("x"), np.float64)
    if isinstance(value, _Sparse):
        state = value.state
        kind = csc_matrix if value.by_column else csr_matrix
        parts = (np.asarray(state["data"]), np.asarray(state["indices"]), np.asarray(state["indptr"]))
        return kind(parts, shape=tuple(state["_shape"])).toarray()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
