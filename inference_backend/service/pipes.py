"""The service's two pipes: messages out, lines in, kept apart from what libraries print and read."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from ..protocol.message_lines import MAX_LINE_BYTES, encode
from ..protocol.messages import BackendMessage

_READ_BYTES: Final[int] = 1 << 16


def keep_stdout() -> int:
    """Take file descriptor 1 away from everybody else: what is printed, by C libraries too, goes to stderr from now on.

    Returns:
        A private descriptor for what was stdout.
    """
    _make_usable(2)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    _make_usable(1)
    private = os.dup(1)
    os.dup2(2, 1)
    return private


def keep_stderr(log_file: Path | None) -> TextIO:
    """Take file descriptor 2 away from everybody else: what libraries print there goes to the log file from now on.

    Args:
        log_file: exists; None to let nothing change.

    Returns:
        What was stderr.
    """
    if log_file is None:
        return sys.stderr
    _make_usable(2)
    sys.stderr.flush()
    private = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1)
    log = os.open(log_file, os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 2)
    os.close(log)
    return private


def keep_stdin() -> int:
    """Take file descriptor 0 away from everybody else, who find an empty file there.

    On Windows a library that is being loaded asks for the type of its standard handles, and that call waits for as long
    as another thread reads from the same pipe.

    Returns:
        A private descriptor for what was stdin.
    """
    _make_usable(0)
    private = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return private


def _make_usable(descriptor: int) -> None:
    """A program without a console may have been started without this descriptor."""
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)


class MessageWriter:
    """Sends messages, whole lines at a time, from any thread. Once the other side is gone it does nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def __call__(self, message: BackendMessage) -> None:
        """Send a message.

        Raises:
            BadMessage: it cannot be encoded.
        """
        rest = memoryview(encode(message))
        # A broken pipe needs no answer here: stdin closes with it, and that ends the service.
        with self._lock, contextlib.suppress(OSError):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]


def read_lines(descriptor: int) -> Iterator[bytes | None]:
    """Lines from a pipe until its other end closes.

    Args:
        descriptor: to read from; nothing else reads from it.

    Yields:
        Each line without its newline; None in place of one that is longer than a message may be.
    """
    pending = bytearray()
    too_long = False
    while True:
        try:
            piece = os.read(descriptor, _READ_BYTES)
        except OSError:
            return
        if not piece:
            return
        *lines, rest = piece.split(b"\n")
        for line in lines:
            pending += line
            yield None if too_long or len(pending) >= MAX_LINE_BYTES else bytes(pending)
            pending.clear()
            too_long = False
        pending += rest
        if len(pending) >= MAX_LINE_BYTES:
            too_long = True
            pending.clear()
