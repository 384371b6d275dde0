"""Shows messages to a person: a bar where there is a terminal, else a line for each stage."""

import shutil
import sys
from typing import TextIO

from ..protocol.messages import BackendMessage, Note, Progress

_BAR = 24


class ProgressBar:
    """Prints progress and notes."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._shown = 0
        self._stage = ""

    def __call__(self, message: BackendMessage) -> None:
        """Show a message; only progress and notes have something to show."""
        if isinstance(message, Note):
            self.print(f"Note: {message.sentence}")
        elif isinstance(message, Progress) and self._live:
            self._draw(message)
        elif isinstance(message, Progress) and message.stage != self._stage:
            self._stage = message.stage
            how = " (kept from before)" if message.reused else ""
            print(f"{100 * message.overall:3.0f} % {message.stage}{how}", file=self._stream, flush=True)

    def print(self, text: str) -> None:
        """Print a line in place of the bar, which comes back below it with the next message."""
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._shown = 0
        print(text, file=self._stream, flush=True)

    def _draw(self, message: Progress) -> None:
        filled = round(_BAR * message.overall)
        parts = [f"{'#' * filled}{'.' * (_BAR - filled)} {100 * message.overall:3.0f} %", message.stage]
        if message.frames_per_second:
            parts.append(f"{message.frames_per_second:.1f} frames/s")
        if message.seconds_left is not None and message.overall < 1:
            parts.append(f"{spoken_time(message.seconds_left)} left")
        line = "  ".join(parts)[: shutil.get_terminal_size().columns - 1]
        self._stream.write("\r" + line.ljust(self._shown))
        self._stream.flush()
        self._shown = len(line)


def spoken_time(seconds: float) -> str:
    """A duration as `1:23:45`, `2:05` or `9 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
