"""The Python packages that the backend needs: there, loadable, and each only once."""

import importlib
import importlib.metadata
import platform
import sys
from typing import Final

from .findings import Finding

PACKAGES: Final[dict[str, str]] = {
    "numpy": "numpy",
    "scipy": "scipy",
    "torch": "torch",
    "roma": "roma",
    "safetensors": "safetensors",
    "opencv-contrib-python": "cv2",
    "mediapipe": "mediapipe",
    "av": "av",
    "mujoco-core": "mujoco",
    "smplfitter": "smplfitter.pt",
}
"""Distributions, and the module by which each is loaded."""

PYTHONS: Final[tuple[tuple[int, int], tuple[int, int]]] = ((3, 11), (3, 13))

_REPAIR: Final[str] = "Repair the backend's environment (in the add-on's preferences, or as docs/backend.md says)."


def look_at_python() -> Finding:
    """The interpreter."""
    low, high = PYTHONS
    return Finding(
        "python",
        f"{platform.python_version()} ({sys.executable})",
        ok=low <= sys.version_info[:2] <= high,
        remedy=f"Use Python {low[0]}.{low[1]} to {high[0]}.{high[1]}.",
    )


def look_at_packages() -> list[Finding]:
    """Every package of `PACKAGES`, really loaded, and whether OpenCV is there twice."""
    return [*(_look_at(name, module) for name, module in PACKAGES.items()), *_other_opencv()]


def _look_at(name: str, module: str) -> Finding:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "not installed", ok=False, remedy=_REPAIR)
    try:
        importlib.import_module(module)
    except Exception as error:  # a broken library may raise anything while it is loaded
        return Finding(name, f"{version}, which cannot be loaded: {error}", ok=False, remedy=_REPAIR)
    return Finding(name, version)


def _other_opencv() -> list[Finding]:
    # All of OpenCV's distributions write into the same folder, so that the last one installed breaks the others.
    installed = {distribution.metadata["Name"] or "" for distribution in importlib.metadata.distributions()}
    others = sorted(name for name in installed if name.startswith("opencv") and name != "opencv-contrib-python")
    return [
        Finding(name, "overwrites opencv-contrib-python", ok=False, necessary=False, remedy=_REPAIR) for name in others
    ]
