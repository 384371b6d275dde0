"""Processor time, which other programs change little."""

import time
from collections.abc import Callable
from typing import Any


def seconds(work: Callable[..., Any], *arguments: Any) -> float:
    """Processor time of a call."""
    start = time.process_time()
    work(*arguments)
    return time.process_time() - start
