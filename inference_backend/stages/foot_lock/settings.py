"""Settings of the foot lock."""

from dataclasses import dataclass

from ...protocol.errors import ErrorCode, RecoverError

VERSION = 4


@dataclass(frozen=True)
class FootLockSettings:
    """How firmly feet in contact are held on the floor.

    Attributes:
        strength: 0 (feet are left as they are) to 1 (feet in contact stand still).
        blend_s: seconds over which a correction fades before and after a contact.
        split_m: a foot that wanders further than this during one contact gets a new place, metres.
        root_shift_m: how far the whole body may be moved to meet its contacts, metres; legs do the rest.
        root_period_s: the body's shift changes more slowly than this, seconds.
        keep_above_floor: no point of a sole goes below the floor, in contact or not.
        smoothing_s: smooth rotations and root before locking: oscillations of this period (seconds) are halved,
            faster ones vanish; 0 keeps the motion as it is.
    """

    strength: float = 1.0
    blend_s: float = 0.15
    split_m: float = 0.12
    root_shift_m: float = 0.20
    root_period_s: float = 1.0
    keep_above_floor: bool = True
    smoothing_s: float = 0.2

    def __post_init__(self) -> None:
        """Raise `RecoverError(BAD_SETTING)` for a value that makes no sense."""
        limits = {"strength": 1, "blend_s": 2, "split_m": 1, "root_shift_m": 1, "root_period_s": 20, "smoothing_s": 5}
        for name, limit in limits.items():
            value = getattr(self, name)
            if not 0 <= value <= limit:
                raise RecoverError(
                    ErrorCode.BAD_SETTING,
                    f"Foot lock setting {name} is {value}.",
                    f"Choose a value between 0 and {limit}.",
                )
