"""Writes a result's folder: `result.npz` and the `body.npz` that belongs to it, both or neither."""

import contextlib
import errno
import os
from collections.abc import Mapping
from pathlib import Path

from numpy.typing import NDArray

from ...body.body import Body
from ...body.export import person_body_arrays
from ...protocol.errors import ErrorCode, RecoverError
from ...protocol.result_format import BODY_NAME, RESULT_NAME
from ...records.store import write_part


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
        raise _bad_output(folder, error) from error


def write_result(folder: Path, arrays: Mapping[str, NDArray], body: Body) -> tuple[Path, Path]:
    """Write both files under temporary names, then move them into place; whatever fails, an older pair stays whole.

    Args:
        folder: exists.
        arrays: from `assemble.assemble`.
        body: that the motions belong to.

    Returns:
        Paths of `result.npz` and `body.npz`.

    Raises:
        RecoverError: `BAD_OUTPUT`.
    """
    result, body_file = folder / RESULT_NAME, folder / BODY_NAME
    betas = {person: arrays[f"p{person}_betas"] for person in arrays["person_ids"].tolist()}
    parts: list[Path] = []
    try:
        for content in (person_body_arrays(body, betas), arrays):
            parts.append(write_part(folder, content, compress=True))
        _move_both(*parts, body_file, result)
    except OSError as error:
        raise _bad_output(folder, error) from error
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return result, body_file


def _move_both(body_part: Path, result_part: Path, body_file: Path, result: Path) -> None:
    """Put two files in the place of two others; the first comes back when the second cannot be replaced."""
    old = body_part.with_suffix(".old")
    if there := body_file.exists():
        body_file.replace(old)  # Windows lets nobody replace a file that a reader holds open
    try:
        body_part.replace(body_file)
        result_part.replace(result)
    except OSError:
        body_file.unlink(missing_ok=True)
        if there:
            old.replace(body_file)
        raise
    with contextlib.suppress(OSError):
        old.unlink(missing_ok=True)


def _bad_output(folder: Path, error: Exception) -> RecoverError:
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
