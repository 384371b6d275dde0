"""Errors that a person is meant to read: a code, a sentence, and what to do about it.

Anything else that escapes is a defect of ours; it is logged with its traceback and reported as `internal`.
"""

from enum import StrEnum


class ErrorCode(StrEnum):
    """What went wrong, stable across versions, so that the add-on can react to it."""

    BAD_INPUT = "bad_input"  # the video, or another file that was named, cannot be used
    BAD_SETTING = "bad_setting"  # a setting is out of range or contradicts another
    NO_PERSON = "no_person"  # the video is fine, but nobody was found in it
    BAD_OUTPUT = "bad_output"  # the result cannot be written where it was asked for
    MISSING_PART = "missing_part"  # a model, weights file or optional package is not installed
    WRONG_BODY = "wrong_body"  # the body file is not one, or not the one the weights were trained for
    OUT_OF_MEMORY = "out_of_memory"
    PROTOCOL = "protocol"  # a message that the other side cannot understand, or versions that do not match
    CANCELLED = "cancelled"
    INTERNAL = "internal"  # our fault


class RecoverError(Exception):
    """An error with a sentence for a person.

    Args:
        code: what kind of failure this is.
        sentence: what is wrong and in which file or setting, as one plain sentence.
        remedy: what the person can do about it, as one plain sentence.
    """

    def __init__(self, code: ErrorCode, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.code = code
        self.sentence = sentence
        self.remedy = remedy


class Cancelled(RecoverError):
    """The job was cancelled between two batches; its finished stages are kept in the cache."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.CANCELLED, "The job was cancelled.", "Start it again to go on from its finished stages."
        )
