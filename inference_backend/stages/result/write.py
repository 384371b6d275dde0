"""Writes a result's folder: `result.npz` and the `body.npz` that belongs to it, both or neither."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from numpy.typing import NDArray

from ...body.body import Body
from ...body.export import person_body_arrays
from ...protocol.result_format import BODY_NAME, RESULT_NAME
from ...records.store import write_part
from .folder import bad_output


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
        raise bad_output(folder, error) from error
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
