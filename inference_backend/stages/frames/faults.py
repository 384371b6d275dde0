"""The sentences for clips that cannot be used."""

from pathlib import Path

from ...protocol.errors import ErrorCode, RecoverError


def bad_input(path: Path, what: str, remedy: str = "Choose another video file or image sequence.") -> RecoverError:
    """An error about the file `path`: `what` continues the sentence that its name begins."""
    return RecoverError(ErrorCode.BAD_INPUT, f'"{path.name or path}" {what}.', remedy)


def require_content(path: Path) -> None:
    """Checks that a file is there, can be opened and is not empty.

    Raises:
        RecoverError: `BAD_INPUT`.
    """
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise bad_input(path, "is not there any more", f"Check whether {path} was moved or renamed.") from None
    except OSError as error:
        raise bad_input(path, f"cannot be opened ({error.strerror})", f"Check the permissions of {path}.") from error
    if empty:
        raise bad_input(path, "is empty", "Copy or download the file again.")
