"""What the trajectory and physics stages did, as arrays of the result that readers may ignore."""

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...records.motion import PhysicsReport, TrajectoryReport, WorldMotion

LOOKED = ("frames", "shots", "people", "camera", "estimate")
CLEANED = ("contacts", "foot_lock")


def report_arrays(
    T: int,
    motions: Sequence[WorldMotion],
    paths: Sequence[TrajectoryReport],
    physics: Sequence[PhysicsReport],
    *,
    converted: bool = False,
) -> dict[str, NDArray]:
    """Arrays of the result (docs/result-format.md).

    Args:
        T: frames of the clip.
        motions: the people, for the frames that they are in.
        paths, physics: their reports in the same order; empty where a stage was switched off.
        converted: the motion was brought to another body than its estimator's.

    Returns:
        `stages_ran`, and for each person `regenerated`, `simulated` `[T]` and the texts `trajectory_report`,
        `physics_report` (JSON).
    """
    ran = [*LOOKED, "convert", "world"] if converted else [*LOOKED, "world"]
    if any(report.regenerated.any() for report in paths):
        ran.append("trajectory")
    ran += CLEANED
    if any(report.segments for report in physics):
        ran.append("physics")
    arrays: dict[str, NDArray] = {"stages_ran": np.array(ran)}
    for i, motion in enumerate(motions):
        prefix = f"p{motion.person_id}_"
        if paths:
            arrays[prefix + "regenerated"] = _over_clip(paths[i].regenerated, motion, T)
            arrays[prefix + "trajectory_report"] = np.array(_trajectory_text(paths[i]))
        if physics:
            arrays[prefix + "simulated"] = _over_clip(physics[i].simulated, motion, T)
            arrays[prefix + "physics_report"] = np.array(_physics_text(physics[i], motion))
    return arrays


def _over_clip(values: NDArray[np.bool_], motion: WorldMotion, T: int) -> NDArray[np.bool_]:
    out = np.zeros(T, bool)
    out[motion.frames] = values
    return out


def _trajectory_text(report: TrajectoryReport) -> str:
    return json.dumps(
        {
            "prior": report.prior,
            "frames": int(report.regenerated.sum()),
            "windows": report.windows,
            "seeds": report.seeds,
            "yaw_deg": round(report.yaw_deg, 3),
            "scale": round(report.scale, 4),
        }
    )


def _physics_text(report: PhysicsReport, motion: WorldMotion) -> str:
    frames = motion.frames.tolist()
    return json.dumps(
        {
            "frames": int(report.simulated.sum()),
            "segments": [
                {"start": frames[start], "end": frames[end - 1] + 1, "turned_down": why}
                for start, end, why in report.segments
            ],
            "falls": [frames[i] for i in report.fell],
            "retries": report.retries,
            "slip_cm_s": [round(v, 3) for v in report.slip_cm_s],
            "penetration_cm": [round(v, 3) for v in report.penetration_cm],
            "joints_deg": round(report.joints_deg, 3),
            "pelvis_m": round(report.pelvis_m, 4),
            "assist_n": round(report.assist_n, 1),
        }
    )
