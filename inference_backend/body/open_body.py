"""Where the open body lies, and which one it is."""

from pathlib import Path
from typing import Final

OPEN_BODY: Final = Path(__file__).with_name("SMPLX_OPEN.npz")
OPEN_BODY_SHA256: Final = "729785f3d7a37bf4164881ca2dc052e40d0a5fe16e4a47372c307b8b30bda16d"
"""Checksum of the file: weights depend on this very body, so it never changes."""
