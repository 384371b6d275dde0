"""JSON values as the types that annotations ask for: messages and settings are both read with this."""

import sys
import types
import typing
from typing import Any, Final


class WrongType(ValueError):
    """A value of another type; the sentence says which value and what it should be."""


def checked(value: Any, hint: Any, name: str) -> Any:
    """A JSON value as the type that an annotation asks for; whole numbers count as floats.

    Args:
        value: what `json.loads` gave.
        hint: `bool`, `int`, `float`, `str`, `dict[str, Any]`, `Any`, a list or tuple of these, or a union with None.
        name: what to call the value in the error.

    Raises:
        WrongType: it is of another type.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return checked(value, next(kind for kind in inner if kind is not type(None)), name)
    if origin is list and isinstance(value, list):
        return [checked(item, inner[0], f"{name}[{i}]") for i, item in enumerate(value)]
    if origin is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        if len(kinds) == len(value):
            pairs = zip(value, kinds, strict=True)
            return tuple(checked(item, kind, f"{name}[{i}]") for i, (item, kind) in enumerate(pairs))
    if origin is dict and isinstance(value, dict):
        return value
    if hint is float:
        if type(value) in (int, float) and abs(value) <= sys.float_info.max:
            return float(value)
    elif hint in _SPOKEN and type(value) is hint:
        return value
    raise WrongType(f"{name} should be {_spoken(hint)}, not {value!r:.80}.")


_SPOKEN: Final[dict[type, str]] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _spoken(hint: Any) -> str:
    if typing.get_origin(hint) in (list, tuple):
        return "a list of the right length"
    return _SPOKEN.get(hint, "an object")
