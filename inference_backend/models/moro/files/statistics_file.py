"""Mean and deviation of canonical trajectories: eighteen numbers that the released checkpoint lacks.

They come from the authors' own statistics file where the user has it (`read_released_statistics`), else from ours
(`bundled_statistics`), which `training.measure_statistics` computes from open motion data.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ....protocol.errors import ErrorCode, RecoverError
from ..motion.trajectory import TrajectoryStatistics
from .torch_file import Builder, Placeholder, SafeUnpickler, damage_named

BUNDLED: Final = Path(__file__).with_name("trajectory_statistics.json")


class _Array(Placeholder):
    """A stored numpy array, decoded from what its pickle says of it."""

    value: Tensor | None = None

    def __setstate__(self, state: Any) -> None:
        _version, shape, dtype, _fortran, data = state
        self.decode(data, dtype, shape)

    def decode(self, data: Any, dtype: Any, shape: Any) -> None:
        """Take over a float array's bytes."""
        if isinstance(dtype, _Dtype) and dtype.code in ("f4", "f8") and isinstance(data, bytes | bytearray):
            array = np.frombuffer(data, dtype="<" + dtype.code).reshape(shape)
            self.value = torch.from_numpy(array.astype(np.float32))


def _array_from_buffer(data: Any, dtype: Any, shape: Any, _order: Any) -> _Array:
    array = _Array()
    array.decode(data, dtype, shape)
    return array


class _Dtype(Placeholder):
    code = ""

    def __init__(self, code: Any = "", *_rest: Any) -> None:
        self.code = str(code).lstrip("<=")


def _stored_array_names() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Any] = {("numpy", "ndarray"): Placeholder(), ("numpy", "dtype"): Builder(_Dtype)}
    names["_codecs", "encode"] = Builder(lambda text, _coding: text.encode("latin1"))
    for module in ("numpy.core", "numpy._core"):
        names[f"{module}.multiarray", "_reconstruct"] = Builder(lambda *_: _Array())
        names[f"{module}.numeric", "_frombuffer"] = Builder(_array_from_buffer)
    return names


def read_released_statistics(path: Path) -> TrajectoryStatistics:
    """Read the authors' statistics file, a pickle of `{"Mean": array, "Std": array}`, without running what it names.

    Raises:
        RecoverError: the file is missing, damaged, of another kind, or not usable (zero or infinite deviation).
    """
    with damage_named(path):
        contents = SafeUnpickler(path.read_bytes(), _stored_array_names()).load()
        values = [getattr(contents[key], "value", None) for key in ("Mean", "Std")]
        if any(value is None or value.numel() != 9 for value in values):
            raise ValueError("it does not hold Mean and Std as arrays of nine numbers")
    return _checked(*(value.reshape(9) for value in values), path)


def bundled_statistics(path: Path = BUNDLED) -> TrajectoryStatistics:
    """Read the statistics that come with this program.

    Raises:
        RecoverError: the file is missing or damaged.
    """
    with damage_named(path):
        stored = json.loads(path.read_text(encoding="utf-8"))
        mean, std = (torch.tensor(stored[key], dtype=torch.float32) for key in ("mean", "std"))
    return _checked(mean, std, path)


def _checked(mean: Tensor, std: Tensor, path: Path) -> TrajectoryStatistics:
    if (
        mean.shape != (9,)
        or std.shape != (9,)
        or not (mean.isfinite().all() and std.isfinite().all() and std.min() > 0)
    ):
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The trajectory statistics {path} cannot be used: nine means and nine positive deviations are needed.",
            "Use statistics that were computed from clips of 60 frames.",
        )
    return TrajectoryStatistics(mean, std)
