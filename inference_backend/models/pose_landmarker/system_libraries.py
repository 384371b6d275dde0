"""Libraries of the system that MediaPipe links against on Linux; a minimal system or a container may lack them."""

import ctypes
import re
import sys
from typing import Final

from ...protocol.errors import ErrorCode, RecoverError

LIBRARIES: Final[tuple[str, ...]] = ("libEGL.so.1", "libGLESv2.so.2")

_MISSING: Final = re.compile(r"^(?P<name>[^/\s:]+\.so[.\d]*): cannot open shared object file")


def loading_failed(error: OSError) -> RecoverError:
    """The error for a person, of what the system says when MediaPipe's library cannot be loaded.

    Args:
        error: from `ctypes.CDLL`; its text begins with the name of what is missing.
    """
    if missing := _MISSING.match(str(error)):
        return RecoverError(
            ErrorCode.MISSING_PART,
            f"MediaPipe needs the system library {missing['name']}, which is not installed.",
            "Install it (on Debian and Ubuntu: apt install libegl1 libgles2) and start again.",
        )
    return RecoverError(
        ErrorCode.MISSING_PART, f"MediaPipe cannot be loaded ({error}).", "Repair the backend's environment."
    )


def require_system_libraries(libraries: tuple[str, ...] = LIBRARIES) -> None:
    """Load what MediaPipe will load; other systems than Linux bring it along.

    Raises:
        RecoverError: `MISSING_PART` naming the first library that is not there.
    """
    if sys.platform != "linux":
        return
    for name in libraries:
        try:
            ctypes.CDLL(name)
        except OSError as error:
            raise loading_failed(error) from error
