"""File names from a template, safe on every system."""

import re
import string
import unicodedata
from collections.abc import Mapping
from typing import Final

from ...inference_backend.protocol.errors import ErrorCode, RecoverError

FIELDS: Final = {
    "take": "of a recovered person: the strip's name and the take",
    "person": "the person, or the armature's name",
    "rig": "the armature's name",
    "clip": "the motion's name",
    "preset": "the export preset",
    "motion": "what the root bone carries",
    "fps": "frames per second of the file",
    "scene": "the scene's name",
    "date": "today, as 2026-01-31",
    "time": "now, as 235959",
    "number": "counts the files of one export from 1",
}
_RESERVED: Final = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
_MAX_BYTES: Final = 120


def file_stem(template: str, values: Mapping[str, str]) -> str:
    """The template with its fields filled in, without characters that some system or engine refuses.

    Args:
        template: text with fields such as `{person}`, each with a key of `FIELDS`.
        values: of the fields.

    Raises:
        RecoverError: `BAD_SETTING`, the template has a field that there is not, or is no template.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise _bad_template(template, f"is not one that can be read ({error})") from error
    text = ""
    for literal, name, form, conversion in parts:
        text += literal
        if name is None:
            continue
        if name not in FIELDS or form or conversion:
            raise _bad_template(template, f"has a field {{{name}}} that there is not")
        text += values[name]
    return safe_name(text)


def _bad_template(template: str, what: str) -> RecoverError:
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    return RecoverError(ErrorCode.BAD_SETTING, f"The file name {template!r} {what}.", f"Use these fields: {known}.")


def safe_name(text: str) -> str:
    """A file name without folder and suffix: letters and digits of any script, `-`, `_`; never empty."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(c if c.isalnum() or unicodedata.category(c).startswith("M") or c in "-_" else "_" for c in text)
    text = re.sub("_{2,}", "_", text).strip("_-") or "motion"
    text = text.encode()[:_MAX_BYTES].decode(errors="ignore").rstrip("_-")
    return f"{text}_" if _RESERVED.fullmatch(text) else text


def unique(stem: str, taken: set[str]) -> str:
    """`stem`, or `stem_2`, `stem_3` ... when a file of this export is called so already; remembers it in `taken`."""
    name, number = stem, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name.lower())
    return name
