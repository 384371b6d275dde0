"""The log file: for whoever looks for the cause of a failure. It has the tracebacks that people are spared."""

import contextlib
import faulthandler
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..protocol.messages import Log

_KEPT: Final[int] = 20
_FORMAT: Final[str] = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"
PACKAGE: Final[str] = __name__.rpartition(".service")[0]
_MAX_TEXT: Final[int] = 4000


def start_log(path: Path | None, folder: Path) -> Path | None:
    """Send all logging, warnings and the traces of hard crashes to a file.

    Args:
        path: the file, appended to; None for a new one in `folder`, of which the latest 20 are kept.
        folder: of the log files. The system's folder for temporary files stands in for one that cannot be used.

    Returns:
        The file, or None when none could be written.
    """
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a disk that fills up must not print tracebacks
    name = f"backend-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    for place in (path or folder / name, Path(tempfile.gettempdir()) / "recover-motion" / name):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.name == name:
                _remove_old(place.parent)
            handler = logging.FileHandler(place, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            logging.getLogger(__name__).warning("No log file can be written there: %s", error)
        else:
            break
    else:
        return None
    handler.setFormatter(logging.Formatter(_FORMAT))
    root.addHandler(handler)
    faulthandler.enable(handler.stream)
    return place


def forward_log(send: Callable[[Log], None]) -> None:
    """Also send the backend's own lines (not those of libraries) as messages."""
    logging.getLogger(PACKAGE).addHandler(_Forward(send))


class _Forward(logging.Handler):
    def __init__(self, send: Callable[[Log], None]) -> None:
        super().__init__(logging.INFO)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f" ({type(record.exc_info[1]).__name__}; see the log file)"
        level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
        self._send(Log(level, text[:_MAX_TEXT], getattr(record, "job", None)))


def _remove_old(folder: Path) -> None:
    old = sorted(folder.glob("backend-2*-*-*.log"))
    for path in old[: -_KEPT + 1]:
        with contextlib.suppress(OSError):
            path.unlink()
