"""Reads the camera file of `--intrinsics`."""

import json
import math
from pathlib import Path
from typing import Any

from ..protocol.errors import ErrorCode, RecoverError

_EXAMPLE = 'Write it like {"K": [[1400, 0, 960], [0, 1400, 540], [0, 0, 1]], "dist": [0, 0, 0, 0, 0]}.'


def read_intrinsics(path: Path) -> tuple[list[list[float]], list[float]]:
    """A camera's intrinsics from a JSON file.

    Args:
        path: a JSON object with `K`, 3 x 3, in pixels of the upright frame, and `dist`, 4 or 5 coefficients in OpenCV's
            order (k1 k2 p1 p2 k3); without `dist` the lens is taken as free of distortion.

    Returns:
        K and the 5 coefficients.

    Raises:
        RecoverError: `BAD_INPUT` when it cannot be read, `BAD_SETTING` for values that are no camera's.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecoverError(
            ErrorCode.BAD_INPUT, f'The camera file "{path}" cannot be read as JSON ({reason}).', _EXAMPLE
        ) from error
    if not isinstance(data, dict) or "K" not in data:
        raise _bad(path, "has no K")
    K, dist = data["K"], data.get("dist", [0.0] * 5)
    if not (isinstance(K, list) and len(K) == 3 and all(_numbers(row, (3,)) for row in K)):
        raise _bad(path, "should hold K as 3 rows of 3 numbers")
    if not _numbers(dist, (4, 5)):
        raise _bad(path, "should hold dist as a list of 4 or 5 numbers")
    if K[0][0] <= 0 or K[1][1] <= 0:
        raise _bad(path, f"holds a K with the focal lengths {K[0][0]} and {K[1][1]}, which should be positive")
    if K[2] != [0, 0, 1] or K[1][0] != 0:
        raise _bad(path, "holds a K that is not [[fx, s, cx], [0, fy, cy], [0, 0, 1]] (is it transposed?)")
    return [[float(value) for value in row] for row in K], [float(value) for value in [*dist, 0.0][:5]]


def _numbers(value: Any, lengths: tuple[int, ...]) -> bool:
    return (
        isinstance(value, list)
        and len(value) in lengths
        and all(type(item) in (int, float) and math.isfinite(item) for item in value)
    )


def _bad(path: Path, what: str) -> RecoverError:
    return RecoverError(ErrorCode.BAD_SETTING, f'The camera file "{path}" {what}.', _EXAMPLE)
