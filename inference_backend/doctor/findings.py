"""What the doctor says of one thing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The state of one thing.

    Attributes:
        subject: what was looked at.
        state: its version, size or other state, for a person.
        ok: it is as it should be.
        necessary: without it nothing can be recovered.
        remedy: what to do when it is not ok.
    """

    subject: str
    state: str
    ok: bool = True
    necessary: bool = True
    remedy: str = ""
