"""What the program's exit status says; documented in docs/backend.md."""

from typing import Final

from ..protocol.errors import ErrorCode

DONE: Final[int] = 0

EXIT_CODES: Final[dict[ErrorCode, int]] = {
    ErrorCode.INTERNAL: 1,
    ErrorCode.BAD_SETTING: 2,  # what argparse uses for a wrong command line
    ErrorCode.BAD_INPUT: 3,
    ErrorCode.NO_PERSON: 4,
    ErrorCode.BAD_OUTPUT: 5,
    ErrorCode.MISSING_PART: 6,
    ErrorCode.WRONG_BODY: 7,
    ErrorCode.OUT_OF_MEMORY: 8,
    ErrorCode.PROTOCOL: 9,
    ErrorCode.CANCELLED: 130,  # as shells say it of Ctrl-C
}
