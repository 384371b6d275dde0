"""The versions that the two processes compare before they work together."""

from typing import Final

PROTOCOL_VERSION: Final[int] = 1
"""Rises when a message changes so that the other side would misunderstand it. Both sides must have the same."""

BACKEND_VERSION: Final[str] = "0.1.0"
"""Version of the backend's code, for people and logs; compatibility is decided by `PROTOCOL_VERSION` alone."""
