"""Which build of torch suits a machine, where it comes from, and what it costs in download and disk."""

from dataclasses import dataclass
from typing import Final

_PYTORCH_INDEX: Final = "https://download.pytorch.org/whl"


@dataclass(frozen=True)
class Variant:
    """One way to install the backend.

    Attributes:
        name: `cpu`, `cuda` or `macos`.
        label, description: for the person who chooses.
        torch_index: extra package index that holds this build of torch; empty for the default index.
        download_mb, disk_mb: rough size of all packages, to be shown before consent.
    """

    name: str
    label: str
    description: str
    torch_index: str
    download_mb: int
    disk_mb: int


_CPU = Variant("cpu", "CPU", "Works on every machine, slower", f"{_PYTORCH_INDEX}/cpu", 450, 1700)
_CUDA = Variant("cuda", "NVIDIA GPU", "For NVIDIA graphics cards (CUDA 13)", f"{_PYTORCH_INDEX}/cu130", 2950, 7400)
_MACOS = Variant("macos", "Mac", "CPU and Apple graphics (MPS)", "", 360, 1400)


def variants(platform: str) -> tuple[Variant, ...]:
    """The variants for a `sys.platform`, the safest first."""
    return (_MACOS,) if platform == "darwin" else (_CPU, _CUDA)


def variant(name: str, platform: str) -> Variant:
    """The variant of this name.

    Raises:
        KeyError: there is none of this name on this platform.
    """
    return {entry.name: entry for entry in variants(platform)}[name]
