"""What makes a file the same file as last time, told without decoding it."""

import errno
import hashlib
import os
from pathlib import Path
from typing import Final

from ..protocol.errors import ErrorCode, RecoverError

_CHUNK: Final[int] = 1 << 20


def video_identity(path: Path) -> str:
    """A hash that changes when a clip does: of its resolved path, size, time of change, first and last megabyte.

    Args:
        path: a video file, or whatever names an image sequence (`stages.frames.image_sequence.find_images`); for a
            sequence the first and last image are read, and of the others path, size and time of change count.

    Returns:
        SHA-256 in hexadecimal.

    Raises:
        RecoverError: `BAD_INPUT` when it is not there, empty, or cannot be opened.
    """
    from ..stages.frames.faults import bad_input, require_content
    from ..stages.frames.image_sequence import find_images

    try:
        path.stat()
    except FileNotFoundError:
        pass  # a pattern of an image sequence, or gone: told apart below
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    try:
        files = find_images(path) or (path,)
        for file in {files[0], files[-1]}:
            require_content(file)
        digest = hashlib.sha256()
        for i, file in enumerate(files):
            stat = file.stat()
            digest.update(f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|".encode("utf-8", "surrogatepass"))
            if i in (0, len(files) - 1):
                digest.update(_head_and_tail(file, stat.st_size))
    except OSError as error:
        raise bad_input(path, f"cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a whole file, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _head_and_tail(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        head = file.read(_CHUNK)
        file.seek(max(0, size - _CHUNK), os.SEEK_SET)
        return head + file.read(_CHUNK)


def _unusable(path: Path, error: Exception) -> RecoverError:
    name = str(path)
    if getattr(error, "errno", None) == errno.ENAMETOOLONG:
        what, remedy = "has a longer name than this system allows", "Rename the file, or move it to a shorter path."
    else:
        what, remedy = f"cannot be opened ({getattr(error, 'strerror', None) or error})", "Choose another video file."
    shown = name if len(name) <= 120 else f"{name[:60]} ... {name[-50:]}"
    return RecoverError(ErrorCode.BAD_INPUT, f'"{shown}" {what}.', remedy)
