"""Where the open body lies, and which one it is."""

from pathlib import Path
from typing import Final

OPEN_BODY: Final = Path(__file__).with_name("SMPLX_OPEN.npz")
OPEN_BODY_SHA256: Final = "17e1d9aca4983f3ec3dc6dcd1f9a014de03f1a40ddba51c8034fbfdd898fdc36"
"""Checksum of the file: weights depend on this very body, so it never changes."""
