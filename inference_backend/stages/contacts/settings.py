"""Settings of the contact stage."""

from dataclasses import dataclass

from ...protocol.errors import ErrorCode, RecoverError

VERSION = 5


@dataclass(frozen=True)
class ContactSettings:
    """When a heel or toe counts as standing on the floor. Lower thresholds find fewer contacts.

    A contact begins where a point is below `height_m` and slower than `speed_mps`, and lasts as long as it stays below
    `keep_height_m` and `keep_speed_mps` (hysteresis in both directions of time).

    Attributes:
        height_m: metres over the floor.
        speed_mps: metres per second.
        keep_height_m: metres over the floor; never less than `height_m` counts.
        keep_speed_mps: metres per second; never less than `speed_mps` counts.
        floor_error_m: how far the recovered floor may be off, metres; slow errors up to this are seen through.
        min_contact_s: shorter contacts are dropped.
        min_gap_s: shorter gaps between two contacts are closed.
        smoothing_s: period in seconds below which motion counts as jitter when speed is measured.
    """

    height_m: float = 0.045
    speed_mps: float = 0.3
    keep_height_m: float = 0.06
    keep_speed_mps: float = 0.5
    floor_error_m: float = 0.10
    min_contact_s: float = 0.10
    min_gap_s: float = 0.08
    smoothing_s: float = 0.15

    def __post_init__(self) -> None:
        """Raise `RecoverError(BAD_SETTING)` for a value that makes no sense."""
        for name, value in vars(self).items():
            if not 0 <= value <= 10:
                raise RecoverError(
                    ErrorCode.BAD_SETTING, f"Contact setting {name} is {value}.", "Choose a value between 0 and 10."
                )
