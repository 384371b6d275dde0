"""Settings of the physics stage."""

from dataclasses import dataclass
from typing import Final

from ...protocol.errors import ErrorCode, RecoverError

VERSION = 2

MODES: Final = ("never", "auto", "always")
POSES: Final = ("physics", "input")


@dataclass(frozen=True)
class PhysicsSettings:
    """When and how a motion is tracked by a simulated body.

    Attributes:
        mode: `never`; `auto` keeps a simulated segment where it passes the gate; `always` keeps every segment that the
            simulated body came through on its feet.
        pose_from: `physics` takes pose and path of the simulated body, `input` its path only.
        step_hz: simulation steps a second.
        assist_n: the most force, newtons, that helps the pelvis along its path.
        anchor_s: let the reference drift towards where the simulated body is, horizontally, within about this many
            seconds, so that on a path of a wrong speed the feet win; 0 keeps it where it is.
        smoothing_s: the reference is smoothed: oscillations of this period (seconds) are halved.
        segment_s: length of the segments that are judged, seconds.
        max_joint_deg, max_pelvis_m: a segment passes with a mean deviation of its joints, and a 95th percentile of its
            pelvis' deviation, up to these, and
        min_gain: with a cost (slip in cm/s + penetration in cm) lower by this share. A segment whose cost is below
        min_cost has nothing to gain.
    """

    mode: str = "never"
    pose_from: str = "physics"
    step_hz: float = 450.0
    assist_n: float = 500.0
    anchor_s: float = 0.0
    smoothing_s: float = 1 / 6
    segment_s: float = 2.0
    max_joint_deg: float = 5.0
    max_pelvis_m: float = 0.12
    min_gain: float = 0.3
    min_cost: float = 0.5

    def __post_init__(self) -> None:
        """Raise `RecoverError(BAD_SETTING)` for a value that makes no sense."""
        for name, allowed in (("mode", MODES), ("pose_from", POSES)):
            if (value := getattr(self, name)) not in allowed:
                raise RecoverError(
                    ErrorCode.BAD_SETTING,
                    f'Physics setting {name} is "{value}".',
                    f"Choose one of: {', '.join(allowed)}.",
                )
        ranges = {
            "step_hz": (180, 2000),
            "assist_n": (0, 5000),
            "anchor_s": (0, 60),
            "smoothing_s": (0, 2),
            "segment_s": (0.5, 60),
            "max_joint_deg": (0, 180),
            "max_pelvis_m": (0, 10),
            "min_gain": (-10, 1),
            "min_cost": (0, 1000),
        }
        for name, (low, high) in ranges.items():
            if not low <= (value := getattr(self, name)) <= high:
                raise RecoverError(
                    ErrorCode.BAD_SETTING,
                    f"Physics setting {name} is {value}.",
                    f"Choose a value between {low} and {high}.",
                )
