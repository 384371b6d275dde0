"""The folder of a result: tried before any work, and the sentence for one that cannot be written to."""

import errno
import os
from pathlib import Path

from ...protocol.errors import ErrorCode, RecoverError


def prepare_folder(folder: Path) -> None:
    """Make the folder and try to write into it, so that a bad target is known before hours of work.

    Args:
        folder: where the result shall go; made when absent.

    Raises:
        RecoverError: `BAD_OUTPUT`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}.part"
        probe.write_bytes(b"0")
        probe.unlink()
    except (OSError, ValueError) as error:
        raise bad_output(folder, error) from error


def bad_output(folder: Path, error: Exception) -> RecoverError:
    """What to tell a person whose result cannot be written to a folder."""
    number = getattr(error, "errno", None)
    shown = name if len(name := str(folder)) <= 120 else f"{name[:60]} ... {name[-50:]}"
    reason, remedy = {
        errno.ENOSPC: (
            "the disk is full",
            "Make room on the disk, or choose another folder; finished stages are kept.",
        ),
        errno.EDQUOT: ("your share of the disk is used up", "Make room, or choose another folder."),
        errno.ENAMETOOLONG: ("its name is longer than this system allows", "Choose a shorter path."),
        errno.EACCES: ("you may not write there", "Choose a folder that you may write to."),
        errno.EPERM: ("you may not write there", "Choose a folder that you may write to."),
        errno.EROFS: ("it is on a disk that cannot be written to", "Choose a folder that you may write to."),
        errno.ENOTDIR: ("a part of its path is a file", "Choose another folder."),
        errno.EEXIST: ("there is a file of that name", "Choose another folder."),
    }.get(number, (getattr(error, "strerror", None) or str(error), "Choose another folder."))
    return RecoverError(ErrorCode.BAD_OUTPUT, f'The result cannot be written to "{shown}": {reason}.', remedy)
