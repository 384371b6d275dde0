import sys

import numpy as np
import pytest

from inference_backend.pipeline.heap import Heap


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc keeps freed memory in this way")
def test_what_lies_between_kept_objects_is_given_back():
    heap = Heap()
    passing, kept = [], []
    for _ in range(2000):
        passing.append(np.ones(12_000, np.float32))  # 48 kB: small enough to come from the heap
        kept.append(np.ones(16, np.float32).tobytes())
    full = resident_bytes()
    del passing
    heap.trim()
    assert full - resident_bytes() > 50e6
    assert len(kept) == 2000


def test_ticking_trims_once_in_a_while():
    now = [0.0]
    heap = Heap(lambda: now[0])
    trimmed = []
    heap._trim = trimmed.append
    for now[0] in (1.0, 4.9, 5.0, 6.0, 9.9, 10.1):
        heap.tick()
    assert len(trimmed) == 2
