"""Settings of the kinematic estimator. Chosen on synthetic clips (`evaluation.synthetic`), never on the test clips."""

from dataclasses import dataclass, fields

from ....protocol.errors import ErrorCode, RecoverError

VERSION = 4
"""Rises with every change that alters results, so that cached results are not taken for current ones."""


@dataclass(frozen=True)
class KinematicSettings:
    """Standard deviations are in metres at the person's depth or radians unless said.

    Attributes:
        landmark_sigma: of a well visible image landmark.
        unseen_sigma_factor, visibility_power: sigma grows by `1 + factor * (1 - visibility) ** power`.
        restless_scale: jumping about (in body heights) at which a landmark's trust is halved; 0 switches that off.
        outlier_sigmas: residuals beyond this many sigmas lose their weight (Geman-McClure).
        start_tolerance: factor on `outlier_sigmas` at the first step; it falls to 1 half-way.
        bone_sigma: of the direction of a bone of the world landmarks, metres per metre, across the viewing ray.
        bone_depth_sigma: the same along the viewing ray, where the landmarks are weak.
        view_sigma: of the constant rotation between the world landmarks' view and the camera.
        prior_scale: the motion prior's innovations are taken this much smaller than in the mocap (1 = as measured).
        root_acceleration: of the pelvis, m/s^2.
        root_turn_acceleration: of the pelvis, rad/s^2.
        foot_speed: scale below which a foot is taken to stand, m/s.
        foot_sigma: how still a standing foot is, m/s.
        limit_sigma: softness of the limits of knees and elbows.
        size_sigma: how far a body's size is from the assumed one, in its shapes' standard deviations.
        proportions_sigma: the same of all else in its shape.
        iterations: Gauss-Newton steps.
        shape_iterations: Gauss-Newton steps of the pass that finds the shape.
        window: frames of one window at 30 fps.
        overlap: frames shared by neighbouring windows.
        batch: windows solved together.
    """

    landmark_sigma: float = 0.03
    unseen_sigma_factor: float = 15.0
    visibility_power: float = 2.0
    restless_scale: float = 0.03
    start_tolerance: float = 4.0
    outlier_sigmas: float = 3.0
    bone_sigma: float = 0.25
    bone_depth_sigma: float = 0.5
    view_sigma: float = 0.2
    prior_scale: float = 0.7
    root_acceleration: float = 4.0
    root_turn_acceleration: float = 20.0
    foot_speed: float = 0.4
    foot_sigma: float = 0.25
    limit_sigma: float = 0.05
    size_sigma: float = 0.6
    proportions_sigma: float = 2.0
    iterations: int = 8
    shape_iterations: int = 6
    window: int = 150
    overlap: int = 30
    batch: int = 4

    def __post_init__(self) -> None:
        """Raise `RecoverError(BAD_SETTING)` for a value that makes no sense."""
        may_be_zero = ("unseen_sigma_factor", "restless_scale", "shape_iterations", "overlap")
        for setting in fields(self):
            value = getattr(self, setting.name)
            if value < 0 or (value == 0 and setting.name not in may_be_zero):
                raise RecoverError(
                    ErrorCode.BAD_SETTING,
                    f"The kinematic estimator's {setting.name} is {value}.",
                    "Give a positive number, or leave the setting out.",
                )
        if self.overlap * 2 > self.window:
            raise RecoverError(
                ErrorCode.BAD_SETTING,
                f"Windows of {self.window} frames cannot overlap by {self.overlap}.",
                "Let them overlap by half a window at most.",
            )
