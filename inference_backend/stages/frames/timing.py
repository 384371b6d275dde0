"""Frame rate from presentation time stamps."""

import numpy as np
from numpy.typing import NDArray


def is_variable(time_s: NDArray[np.float64]) -> bool:
    """Whether time stamps `[T]`, in seconds, leave an even grid by more than a quarter of a frame.

    Stamps that a container rounds to milliseconds stay within that; one dropped frame does not.
    """
    if len(time_s) < 3:
        return False
    grid = np.linspace(time_s[0], time_s[-1], len(time_s))
    return bool(np.abs(time_s - grid).max() > 0.25 * np.median(np.diff(time_s)))


def nominal_fps(time_s: NDArray[np.float64], stated: float | None) -> float:
    """Frames per second: what the file states when its time stamps `[T]` agree, else what they say themselves.

    Args:
        time_s: presentation times in seconds.
        stated: the rate in the file's header, or None.
    """
    if len(time_s) < 2:
        return stated or 30.0
    steps = np.diff(time_s)
    if is_variable(time_s):
        return float(1.0 / np.median(steps))
    measured = float(1.0 / np.mean(steps))
    return stated if stated and abs(stated / measured - 1.0) < 0.01 else measured
