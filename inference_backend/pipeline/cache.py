"""Outputs of finished stages on disk, found again by what they were made from."""

import contextlib
import hashlib
import json
import logging
import os
import sys
import time
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Final

from ..records.store import DamagedRecord, load_record, save_record

DEFAULT_LIMIT_BYTES: Final[int] = 4 << 30
ABANDONED_S: Final[float] = 24 * 3600.0
"""A temporary file this old was left by a process that was killed."""

_log = logging.getLogger(__name__)


def default_folder() -> Path:
    """Where caches belong on this system; the environment variable RECOVER_MOTION_CACHE overrides it."""
    if chosen := os.environ.get("RECOVER_MOTION_CACHE"):
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local") / "recover-motion" / "cache"
    if sys.platform == "darwin":
        return home / "Library/Caches/recover-motion"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "recover-motion"


def key_of(stage: str, version: int, settings: Any, inputs: list[str], weights: str = "") -> str:
    """The name under which a stage's output is kept: it changes with everything that the output depends on.

    Args:
        stage: its name.
        version: the stage's VERSION.
        settings: a dataclass of JSON-able fields, or anything JSON-able.
        inputs: keys (or other hashes) of what goes in, in order.
        weights: checksum of the weights and models that it runs, "" for none.

    Returns:
        SHA-256 in hexadecimal.
    """
    plain = asdict(settings) if is_dataclass(settings) else settings
    text = json.dumps([stage, version, plain, inputs, weights], sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class StageCache:
    """A folder `STAGE/KEY.npz`, bounded in size; the least recently used entries go first.

    Several processes may share it. A folder that cannot be written to is no error: work is then done again.
    """

    def __init__(self, folder: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._in_use: set[Path] = set()

    def load(self, stage: str, key: str) -> Any:
        """What was kept under a key.

        Args:
            stage: its name.
            key: from `key_of`.

        Returns:
            The value, or None when there is none or its file is damaged (it is then removed).
        """
        path = self._path(stage, key)
        try:
            if not path.exists():
                return None
            value = load_record(path)
        except (DamagedRecord, OSError) as error:
            _log.warning("A damaged cache entry of stage %s is made anew: %s", stage, error)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        self._in_use.add(path)
        return value

    def save(self, stage: str, key: str, value: Any) -> bool:
        """Keep a value.

        Args:
            stage: its name.
            key: from `key_of`.
            value: anything that `records.store` can write.

        Returns:
            False when the disk did not take it.
        """
        path = self._path(stage, key)
        self._in_use.add(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_record(path, value)
            self._evict()
        except OSError as error:
            _log.warning("The output of stage %s could not be kept in %s: %s", stage, self.folder, error)
            return False
        return True

    def _path(self, stage: str, key: str) -> Path:
        return self.folder / stage / f"{key}.npz"

    def _evict(self) -> None:
        """Remove the entries that were not used for longest until the limit is met; never those of this job."""
        entries = []
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(OSError):
                entries.append((path.stat(), path))
        total = sum(stat.st_size for stat, _ in entries)
        for stat, path in sorted(entries, key=lambda entry: entry[0].st_mtime_ns):
            abandoned = path.suffix == ".part" and stat.st_mtime < time.time() - ABANDONED_S
            if not abandoned and (total <= self.limit_bytes or path in self._in_use or path.suffix != ".npz"):
                continue
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                total -= stat.st_size
