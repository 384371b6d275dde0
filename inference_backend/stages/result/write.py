"""Writes a result's folder: `body.npz` first, `result.npz` last, so that a result is never there without its body."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from numpy.typing import NDArray

from ...body.body import Body
from ...body.export import export_person_body
from ...protocol.errors import ErrorCode, RecoverError
from ...protocol.result_format import BODY_NAME, RESULT_NAME
from ...records.store import write_npz


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
    """Write both files, each in one step; an older result stays whole until then.

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
    export_person_body(body, body_file, betas)
    try:
        write_npz(result, dict(arrays), compress=True)
    except OSError as error:
        raise _bad_output(folder, error) from error
    return result, body_file


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
        errno.EROFS: ("it is on a disk that cannot be written to", "Choose a folder that you may write to."),
        errno.ENOTDIR: ("a part of its path is a file", "Choose another folder."),
        errno.EEXIST: ("there is a file of that name", "Choose another folder."),
    }.get(number, (getattr(error, "strerror", None) or str(error), "Choose another folder."))
    return RecoverError(ErrorCode.BAD_OUTPUT, f'The result cannot be written to "{shown}": {reason}.', remedy)
