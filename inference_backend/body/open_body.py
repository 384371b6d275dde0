"""Where the open body lies, and which one it is."""

from pathlib import Path
from typing import Final

OPEN_BODY: Final = Path(__file__).with_name("SMPLX_OPEN.npz")
OPEN_BODY_SHA256: Final = "57daf9be405f0cdfd9d79b8ae1ded38ab2ee3fe6fcf03305aec100cf646f4253"
"""Checksum of the file: weights depend on this very body, so it never changes."""
