"""From a stretch of motion to the same stretch as a simulated body does it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...records.context import ProgressCallback
from ...records.motion import WorldMotion
from .humanoid import Humanoid
from .reference import Reference
from .settings import PhysicsSettings
from .tracking import Assist, Tracked, Tracker


@dataclass(frozen=True)
class Simulated:
    """A simulated stretch: its motion, and how the simulated body came through."""

    motion: WorldMotion
    tracked: Tracked


def simulate(
    motion: WorldMotion,
    time_s: NDArray[np.float64],
    humanoid: Humanoid,
    settings: PhysicsSettings,
    progress: ProgressCallback,
    assist: Assist | None = None,
) -> Simulated:
    """Let the simulated body follow a motion.

    Args:
        motion: N frames, N >= 2, without gaps.
        time_s: `[N]`.
        humanoid: of this person.
        settings: steps, smoothing, limit of the assist.
        progress: called now and then.
        assist: gains, when others than the settings' are wanted.

    Returns:
        The motion with the simulated body's path and pose; frames around falls are meaningless (`Tracked.done`).
    """
    rest = humanoid.soles.joints[0]
    reference = Reference(motion, time_s, settings.smoothing_s, rest)
    tracker = Tracker(humanoid, assist or Assist(force_n=settings.assist_n, anchor_s=settings.anchor_s))
    tracked = tracker.track(reference, settings.step_hz, progress)
    quaternions = np.where(np.isfinite(tracked.quaternions), tracked.quaternions, [1.0, 0, 0, 0])
    flat = quaternions.reshape(-1, 4)[:, [1, 2, 3, 0]]
    local = Rotation.from_quat(flat).as_matrix().reshape(*quaternions.shape[:2], 3, 3)
    pelvis = np.where(np.isfinite(tracked.pelvis), tracked.pelvis, 0.0)
    moved = replace(motion, global_orient=local[:, 0], body_pose=local[:, 1:], transl=pelvis - rest)
    return Simulated(moved, tracked)
