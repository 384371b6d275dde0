"""Settings of the trajectory stage."""

from dataclasses import dataclass
from typing import Final

from ...protocol.errors import ErrorCode, RecoverError

VERSION = 4

TRIGGERS: Final = ("never", "carried", "auto", "always")


@dataclass(frozen=True)
class TrajectorySettings:
    """Where paths are regenerated from what bodies do, and how the result is tied to the video.

    Attributes:
        trigger: `never`; `carried`: before a camera that is carried about, which does not show where people go; `auto`:
            there, and where the person is badly seen, at an uncertain distance, or slides on their feet; `always`.
        without_weights: regenerate from the velocity that standing feet give where there are no weights; False leaves
            paths as they are then.
        weights: path of a weights file; None for the product's own, if it has any.
        guide: tie the network's paths to the video while they are sampled already, not only afterwards.
        steps: of the network's sampling; 0 for 20 on a CPU and 100 on a GPU.
        seeds: paths drawn of each window; 0 for 1 on a CPU and 4 on a GPU.
        confidence: below this, for `min_frames` on end, a person is badly seen.
        min_frames: see above.
        depth_sigma_m: above this the distance is uncertain.
        slip_mps: feet that stand and move faster slide.
        pad_s: seconds that are regenerated too before and after.
        speed_sigma_mps: how far the prior's velocity is trusted; seeds that differ say it themselves.
        lateral_s, depth_s: seconds within which motion across and along the viewing ray follows the video.
    """

    trigger: str = "carried"
    without_weights: bool = False
    weights: str | None = None
    guide: bool = False
    steps: int = 0
    seeds: int = 0
    confidence: float = 0.5
    min_frames: int = 5
    depth_sigma_m: float = 0.15
    slip_mps: float = 0.08
    pad_s: float = 1.0
    speed_sigma_mps: float = 0.1
    lateral_s: float = 0.3
    depth_s: float = 1.5

    def has_work(self, weights: str, carried: bool = False) -> bool:
        """Whether the stage may do or say anything.

        Args:
            weights: checksum of its weights, "" for none.
            carried: some shot's camera is carried about.
        """
        if self.trigger == "carried":
            return carried and bool(weights)
        return self.trigger == "always" or (self.trigger == "auto" and bool(weights or self.without_weights))

    def __post_init__(self) -> None:
        """Raise `RecoverError(BAD_SETTING)` for a value that makes no sense."""
        if self.trigger not in TRIGGERS:
            raise RecoverError(
                ErrorCode.BAD_SETTING,
                f'Trajectory setting trigger is "{self.trigger}".',
                f"Choose one of: {', '.join(TRIGGERS)}.",
            )
        ranges = {
            "steps": (0, 1000),
            "seeds": (0, 64),
            "confidence": (0, 1),
            "min_frames": (1, 10000),
            "depth_sigma_m": (0, 1000),
            "slip_mps": (0, 1000),
            "pad_s": (0, 60),
            "speed_sigma_mps": (0.001, 10),
            "lateral_s": (0.01, 60),
            "depth_s": (0.01, 60),
        }
        for name, (low, high) in ranges.items():
            if not low <= (value := getattr(self, name)) <= high:
                raise RecoverError(
                    ErrorCode.BAD_SETTING,
                    f"Trajectory setting {name} is {value}.",
                    f"Choose a value between {low} and {high}.",
                )
