"""Where the open body lies, and which one it is."""

from pathlib import Path
from typing import Final

OPEN_BODY: Final = Path(__file__).with_name("SMPLX_OPEN.npz")
OPEN_BODY_SHA256: Final = "35dd3ddbf7fad953c9c9b3b26eebb3c75dd67c3c9db625efe093658c1925202b"
"""Checksum of the file: weights depend on this very body, so it never changes."""
