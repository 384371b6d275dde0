"""The machine: where to compute, memory, disk."""

import ctypes
import os
import shutil
import sys
from pathlib import Path
from typing import Final

from ..pipeline.device import choose_device
from ..protocol.errors import RecoverError
from .findings import Finding

ENOUGH_MEMORY: Final[int] = 4 << 30
ENOUGH_DISK: Final[int] = 2 << 30


def look_at_device() -> list[Finding]:
    """What `auto` computes on here."""
    try:
        device = choose_device("auto")
    except RecoverError as error:
        return [Finding("device", error.sentence, ok=False, remedy=error.remedy)]
    import torch

    if device == "cpu":
        return [Finding("device", f"cpu, {torch.get_num_threads()} threads of {os.cpu_count()} cores")]
    memory = torch.cuda.get_device_properties(0).total_memory
    return [Finding("device", f"{device}: {torch.cuda.get_device_name(0)}, {gigabytes(memory)}")]


def look_at_memory() -> Finding:
    """Main memory."""
    total = total_memory()
    return Finding(
        "memory",
        gigabytes(total) if total else "unknown",
        ok=total is None or total >= ENOUGH_MEMORY,
        necessary=False,
        remedy=f"{gigabytes(ENOUGH_MEMORY)} are advised; close other programs while a clip is recovered.",
    )


def look_at_disk(folder: Path) -> Finding:
    """The cache's folder: can it be written to, and is there room?"""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}.part"
        probe.write_bytes(b"0")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(
            "cache",
            f"{folder} cannot be written to ({error.strerror})",
            ok=False,
            necessary=False,
            remedy="Choose another folder with --cache; without one every run takes the whole time.",
        )
    return Finding(
        "cache",
        f"{folder}, {gigabytes(free)} free",
        ok=free >= ENOUGH_DISK,
        necessary=False,
        remedy=f"Make room: {gigabytes(ENOUGH_DISK)} are advised.",
    )


def total_memory() -> int | None:
    """Bytes of main memory; None where the system does not say."""
    if sys.platform == "win32":
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        return status.total if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 6),
    )


def gigabytes(size: int) -> str:
    """A number of bytes, for a person."""
    return f"{size / (1 << 30):.1f} GB"
