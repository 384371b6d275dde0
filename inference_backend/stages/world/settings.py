"""Settings of the world stage."""

from dataclasses import dataclass

from ...protocol.errors import ErrorCode, RecoverError

VERSION = 9


@dataclass(frozen=True)
class WorldSettings:
    """Where the camera stands, as far as the user knows it, and how paths are fused.

    Attributes:
        tilt_deg: degrees by which the camera looks down (negative: up); None finds it from the people.
        roll_deg: degrees by which the camera is turned clockwise about its viewing axis; None finds it. A given tilt
            without a roll means a roll of 0.
        camera_height_m: metres of the camera over the floor; None finds it from the people. Given, it tells people's
            size, too.
        fuse_depth: steady each person's distance from the camera with what their feet say.
        lateral_s, depth_s: seconds within which motion across and along the viewing ray follows the video; motion
            faster than that follows the feet in contact.
        step_speed_mps: how wrong the speed that stance feet give may be, metres per second, for a person standing
            still, and
        step_speed_share: as a share of the speed.
    """

    tilt_deg: float | None = None
    roll_deg: float | None = None
    camera_height_m: float | None = None
    fuse_depth: bool = True
    lateral_s: float = 0.2
    depth_s: float = 2.0
    step_speed_mps: float = 0.04
    step_speed_share: float = 0.1

    def __post_init__(self) -> None:
        """Raise `RecoverError(BAD_SETTING)` for a value that makes no sense."""
        ranges = {
            "tilt_deg": (-89, 90),
            "roll_deg": (-180, 180),
            "camera_height_m": (0.05, 100),
            "lateral_s": (0.01, 10),
            "depth_s": (0.01, 60),
            "step_speed_mps": (0.001, 10),
            "step_speed_share": (0, 10),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise RecoverError(
                    ErrorCode.BAD_SETTING,
                    f"World setting {name} is {value}.",
                    f"Choose a value between {low} and {high}, or leave it empty.",
                )
