"""A message as a line: one JSON object, UTF-8, at most 1 MiB. Imports neither bpy, torch nor numpy.

Unknown keys are ignored, so that a message can gain an optional one without a new protocol version.
"""

import json
import typing
from dataclasses import asdict, fields
from typing import Final

from .messages import Message
from .typed_json import WrongType, checked

MAX_LINE_BYTES: Final[int] = 1 << 20
"""Longest line either side may send, its newline included."""
_TYPES: Final[dict[str, type]] = {cls.type: cls for cls in typing.get_args(Message)}


class BadMessage(ValueError):
    """A line that is no message; the sentence says why."""


def encode(message: Message) -> bytes:
    """One line, newline included.

    Args:
        message: any message; numbers in it must be finite.

    Raises:
        BadMessage: it would be longer than `MAX_LINE_BYTES`, or holds what JSON cannot say.
    """
    try:
        # Escaped to ASCII: paths on Linux may hold bytes that are no UTF-8, which Python carries as lone surrogates.
        line = json.dumps({"type": message.type, **asdict(message)}, allow_nan=False).encode("ascii") + b"\n"
    except (TypeError, ValueError) as error:
        raise BadMessage(f"The message {message.type!r} cannot be written as JSON: {error}.") from error
    if len(line) > MAX_LINE_BYTES:
        raise BadMessage(f"The message {message.type!r} is longer than {MAX_LINE_BYTES} bytes.")
    return line


def decode(line: bytes) -> Message:
    """The message in a line.

    Args:
        line: as it came, with or without its newline.

    Raises:
        BadMessage: it is too long, no JSON object, of an unknown type, or one of its values is missing or wrong.
    """
    if len(line) > MAX_LINE_BYTES:
        raise BadMessage(f"A line is longer than {MAX_LINE_BYTES} bytes.")
    try:
        # JSON has no NaN: Python's reader would let it through.
        data = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"A line is not JSON: {error}.") from error
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise BadMessage("A line is not a JSON object with a type.")
    cls = _TYPES.get(data["type"])
    if cls is None:
        raise BadMessage(f"The message type {data['type']!r} is unknown.")
    values = {}
    hints = typing.get_type_hints(cls)
    try:
        for entry in fields(cls):
            if entry.name in data:
                values[entry.name] = checked(data[entry.name], hints[entry.name], f"{cls.type}.{entry.name}")
    except WrongType as error:
        raise BadMessage(str(error)) from error
    try:
        return cls(**values)
    except TypeError as error:
        raise BadMessage(f"A message {cls.type!r} lacks a value: {error}.") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
