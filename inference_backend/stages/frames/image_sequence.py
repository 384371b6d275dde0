"""Image sequences: which files belong to one, and their pictures."""

import re
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import IFD, Base

from ...records.video import Video
from .faults import bad_input, require_content
from .focal import focal_from_metadata

_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
_NUMBER_FIELD: Final = re.compile(r"%0?\d*d|#+")
_LAST_NUMBER: Final = re.compile(r"(\d+)(?!.*\d)")


def find_images(path: Path) -> tuple[Path, ...]:
    """The files of the sequence that a path names, in order; empty when it names no image sequence.

    Args:
        path: a folder, a pattern in the file name (`####`, `%04d`, `*`), or an image. An image with a number in its
            name stands for itself and the files that continue its numbering without a gap.

    Raises:
        RecoverError: `BAD_INPUT` for a folder or pattern without images.
    """
    if path.is_dir():
        found = [file for file in path.iterdir() if _is_image(file)]
        if not found:
            raise bad_input(path, "is a folder without images", "Choose a video file or a folder that holds images.")
        return tuple(sorted(found, key=_natural_key))
    if path.exists():
        return _continue_numbering(path) if _is_image(path) else ()
    if path.suffix.lower() in _SUFFIXES and (_NUMBER_FIELD.search(path.name) or "*" in path.name):
        return _match_pattern(path)
    return ()


def probe_images(images: tuple[Path, ...], fps: float) -> Video:
    """The clip that an image sequence makes at a frame rate.

    Raises:
        RecoverError: `BAD_INPUT` when the first image cannot be read.
    """
    height, width = read_image(images[0]).shape[:2]
    return Video(
        path=images[0],
        fps=fps,
        size_wh=(width, height),
        time_s=np.arange(len(images)) / fps,
        frame_index=np.arange(len(images)),
        images=images,
        focal_px=focal_from_metadata(_tags(images[0]), (width, height)),
    )


def read_image(path: Path) -> NDArray[np.uint8]:
    """An image as RGB `[H,W,3]`, 8 bits a channel, turned upright as its EXIF orientation says, without alpha.

    Raises:
        RecoverError: `BAD_INPUT` when the file is absent, empty or no image.
    """
    require_content(path)
    # OpenCV opens no file with a non-ASCII name on Windows, so it gets the bytes.
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise bad_input(path, "is not an image that can be read", "Replace this image, or leave it out of the range.")
    return image


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()


def _natural_key(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _match_pattern(path: Path) -> tuple[Path, ...]:
    pieces = re.split(r"(%0?\d*d|#+|\*)", path.name)
    expression = "".join(
        ".*" if piece == "*" else r"(\d+)" if _NUMBER_FIELD.fullmatch(piece) else re.escape(piece) for piece in pieces
    )
    folder = path.parent
    names = [file for file in folder.iterdir() if re.fullmatch(expression, file.name)] if folder.is_dir() else []
    found = sorted(filter(_is_image, names), key=_natural_key)
    if not found:
        raise bad_input(path, "matches no image", f"Check the file names in {folder}.")
    return tuple(found)


def _continue_numbering(first: Path) -> tuple[Path, ...]:
    match = _LAST_NUMBER.search(first.stem)
    if match is None:
        return (first,)
    digits, number, found = len(match[1]), int(match[1]), [first]
    while True:
        number += 1
        successor = first.with_name(
            f"{first.stem[: match.start()]}{number:0{digits}d}{first.stem[match.end() :]}{first.suffix}"
        )
        if not successor.is_file():
            return tuple(found)
        found.append(successor)


def _tags(path: Path) -> dict[str, str]:
    try:
        with Image.open(path) as image:
            details = image.getexif().get_ifd(IFD.Exif)
    except (OSError, ValueError, SyntaxError):  # what Pillow raises for odd headers
        return {}
    return {"FocalLengthIn35mmFilm": str(details.get(Base.FocalLengthIn35mmFilm, ""))}
