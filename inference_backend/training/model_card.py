"""What bundling any network's weights shares: the limit of size, the model card, the command line."""

import argparse
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from ..protocol.errors import ErrorCode, RecoverError


def check_size(target: Path, largest_mb: float) -> float:
    """Size of a bundle in MB; one that is too large is deleted.

    Raises:
        RecoverError: it is larger than `largest_mb`.
    """
    size = target.stat().st_size / 1e6
    if size > largest_mb:
        target.unlink()
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The weights take {size:.1f} MB; at most {largest_mb:g} MB are bundled.",
            "Train a smaller size (--size).",
        )
    return size


def write_card(target: Path, template: str, notes: str, values: dict[str, object]) -> Path:
    """Write the card of a bundle beside it (the same name, `.md`); returns its path.

    Args:
        target: the bundle.
        template: text with places for `name`, `sha256`, `notes` and `values`.
        notes: further text, e.g. scores.
        values: what else the text names.
    """
    sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    card = target.with_suffix(".md")
    text = template.format(name=target.name, sha256=sha256, notes=notes and notes.strip() + "\n", **values)
    card.write_text(text, encoding="utf-8")
    return card


def _read(notes: Path) -> str:
    try:
        return notes.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecoverError(
            ErrorCode.BAD_INPUT, f"The notes {notes} cannot be read ({error}).", "Name a text file in UTF-8."
        ) from error


def bundle_command(
    module: str, about: str | None, bundle: Callable[[Path, Path, str], Path], argv: list[str] | None = None
) -> int:
    """Run `python -m MODULE TRAINED --out FILE [--notes FILE]`; returns the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("trained", type=Path, help="weights that a training stage wrote")
    parser.add_argument("--out", type=Path, required=True, help="file to write, in inference_backend/weights")
    parser.add_argument("--notes", type=Path, help="text file whose contents go into the model card")
    arguments = parser.parse_args(argv)
    try:
        notes = _read(arguments.notes) if arguments.notes else ""
        print(f"Wrote {arguments.out} and {bundle(arguments.trained, arguments.out, notes)}.")
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
