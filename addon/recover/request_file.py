"""What was asked of the backend, kept beside its result, so that a result can be imported later and cleaned again."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

FILE_NAME: Final = "request.json"


@dataclass(frozen=True)
class Request:
    """What a result came from.

    Attributes:
        video: path of the video, or of the first image of a sequence; empty when nobody knows.
        start_s, end_s: range in seconds of the file's own time, end exclusive; None for its start / end.
        settings: the backend's.
    """

    video: str = ""
    start_s: float | None = None
    end_s: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write `FILE_NAME` into `folder`.

        Raises:
            OSError: it cannot be written.
        """
        (folder / FILE_NAME).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Request":
        """Read it back; an empty one where there is none, or it is damaged."""
        try:
            content = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
            return cls(str(content["video"]), content["start_s"], content["end_s"], dict(content["settings"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()
