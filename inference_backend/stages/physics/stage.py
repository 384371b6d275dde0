"""The physics stage: a simulated body follows the motion, and what it does better is kept."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.feet import HEEL, TOE, Soles, find_soles
from ...geometry.forward_kinematics import pose_joints
from ...records.context import StageContext
from ...records.motion import Contacts, PhysicsReport, WorldMotion
from ...records.video import Video
from ..foot_lock.pins import intervals
from ..foot_lock.settings import FootLockSettings
from ..foot_lock.stage import lock_feet
from . import gate
from .measures import FootFaults, foot_faults, joint_deviation
from .settings import PhysicsSettings
from .support import supported

MOVED: Final = ("transl", "global_orient", "body_pose")
MISSING: Final = (
    "MuJoCo is not installed, so the physics stage was left out. "
    "Repair the backend's environment to have it, or switch physics off."
)


def apply_physics(
    video: Video,
    motion: WorldMotion,
    contacts: Contacts,
    floor_found: bool,
    body: Body,
    settings: PhysicsSettings,
    lock: FootLockSettings,
    ctx: StageContext,
) -> tuple[WorldMotion, PhysicsReport]:
    """Track a cleaned motion with a simulated body and keep the segments that pass the gate.

    Args:
        video: gives the time stamp of each frame.
        motion: N frames in the world after the foot lock, floor at y = 0.
        contacts: bool `[N,4]`, the feet that the lock holds.
        floor_found: the floor's height is known; on a guessed one nobody is put.
        body: `body.Body`.
        settings: when and how.
        lock: settings of the foot lock, which pins what slip the simulation leaves.
        ctx: progress; notes on why nothing was done.

    Returns:
        The motion (the very same when nothing was simulated or accepted) and what was done.
    """
    count = len(motion.frames)
    if settings.mode == "never" or count < 2:
        return motion, _nothing(motion)
    try:
        from .humanoid import make_humanoid
        from .simulate import simulate
    except (ImportError, OSError):  # OSError: a library of its own that cannot be loaded
        ctx.note(MISSING)
        return motion, _nothing(motion)
    if not all(np.isfinite(getattr(motion, name)).all() for name in MOVED):
        ctx.note(f"The motion of person {motion.person_id} holds values that are no numbers; physics was left out.")
        return motion, _nothing(motion)
    if not floor_found:
        ctx.note(f"No floor was found under person {motion.person_id}, so physics was left out.")
        return motion, _nothing(motion)
    time_s = video.time_s[motion.frames]
    soles = find_soles(body, motion.betas)
    joints, _ = pose_joints(soles.joints, motion.global_orient, motion.body_pose, motion.transl)
    runs = intervals(supported(joints, _points(soles, motion), motion.valid, time_s, soles))
    if not runs:
        ctx.note(f"Person {motion.person_id} does not stand on the floor anywhere, so physics was left out for them.")
        return motion, _nothing(motion)
    simulated = _simulate_runs(simulate, make_humanoid(body, motion.betas), motion, time_s, runs, settings, ctx)
    moved = simulated.motion
    pinning = replace(lock, smoothing_s=0.0)
    final = lock_feet(video, moved, contacts, body, pinning, StageContext())
    old, new = (_faults(soles, m, contacts, time_s) for m in (motion, final))
    joints_deg = joint_deviation(motion.body_pose, moved.body_pose)
    trunk_deg = joint_deviation(motion.global_orient[:, None], moved.global_orient[:, None])
    pelvis_m = np.linalg.norm(moved.transl - motion.transl, axis=1)
    pieces = [piece for run in runs for piece in gate.segments(*run, time_s, settings.segment_s)]
    verdicts = [
        gate.assess(piece, simulated.done, np.maximum(joints_deg, trunk_deg), pelvis_m, old, new, settings)
        for piece in pieces
    ]
    accepted = np.zeros(count, bool)
    for verdict in verdicts:
        accepted[verdict.start : verdict.end] = not verdict.reason
    out = motion
    if accepted.any():
        orient, pose, transl = gate.blend(motion, moved, gate.weights(accepted, time_s))
        mixed = replace(motion, global_orient=orient, body_pose=pose, transl=transl)
        # Once more over the blend: a contact that spans a border gets one place.
        out = lock_feet(video, mixed, contacts, body, pinning, StageContext())
        new = _faults(soles, out, contacts, time_s)
    else:
        new = old
    ctx.progress(1.0, count)
    tried = np.zeros(count, bool)
    for start, end in runs:
        tried[start:end] = True
    assist = simulated.assist_n[simulated.done]
    return out, PhysicsReport(
        motion.person_id,
        accepted,
        tuple((verdict.start, verdict.end, verdict.reason) for verdict in verdicts),
        tuple(simulated.fell),
        simulated.retries,
        (old.mean_slip(tried), new.mean_slip(tried)),
        (float(old.penetration[tried].mean()), float(new.penetration[tried].mean())),
        float(joints_deg[tried].mean()),
        float(pelvis_m[tried].mean()),
        float(assist.mean()) if len(assist) else 0.0,
    )


@dataclass(frozen=True)
class _Simulated:
    """The simulated body's motion, and how it went: `done [N]` frames, `assist_n [N]`, rows at which it fell."""

    motion: WorldMotion
    done: NDArray[np.bool_]
    assist_n: NDArray[np.float64]
    fell: list[int]
    retries: int


def _simulate_runs(
    simulate: Callable[..., Any],
    humanoid: Any,
    motion: WorldMotion,
    time_s: NDArray[np.float64],
    runs: list[tuple[int, int]],
    settings: PhysicsSettings,
    ctx: StageContext,
) -> _Simulated:
    """The motion with each of the `runs` (row of the first frame, row after the last) as the simulated body goes."""
    moved = replace(motion, **{name: getattr(motion, name).copy() for name in MOVED})
    done, assist = np.zeros(len(time_s), bool), np.zeros(len(time_s))
    fell: list[int] = []
    retries = 0
    total, before = sum(end - start for start, end in runs), 0
    for start, end in runs:
        rows = slice(start, end)

        def progress(fraction: float, frames: int, before: int = before, size: int = end - start) -> None:
            ctx.progress(0.95 * (before + fraction * size) / total, before + frames)

        result = simulate(_part(motion, rows), time_s[rows], humanoid, settings, progress)
        before += end - start
        done[rows], assist[rows] = result.tracked.done, result.tracked.assist_n
        fell += [start + i for i in result.tracked.fell]
        retries += len(result.tracked.retried)
        moved.transl[rows] = result.motion.transl
        if settings.pose_from == "physics":
            moved.global_orient[rows], moved.body_pose[rows] = result.motion.global_orient, result.motion.body_pose
    # Around a fall there is nothing to use; what went in stands there, and the gate turns the segment down.
    for name in MOVED:
        getattr(moved, name)[~done] = getattr(motion, name)[~done]
    return _Simulated(moved, done, assist, fell, retries)


def _points(soles: Soles, motion: WorldMotion) -> NDArray[np.float64]:
    return soles.of_motion(motion).reshape(len(motion.frames), -1, 3)


def _faults(soles: Soles, motion: WorldMotion, contacts: Contacts, time_s: NDArray[np.float64]) -> FootFaults:
    """Slip of the heels and toes that stand, depth of the whole soles."""
    points = soles.of_motion(motion)
    touching = np.zeros(points.shape[:3], bool)
    touching[:, :, [HEEL, TOE]] = contacts.contact.reshape(-1, 2, 2)
    count = len(points)
    return foot_faults(points.reshape(count, -1, 3), time_s, touching.reshape(count, -1))


def _part(motion: WorldMotion, rows: slice) -> WorldMotion:
    per_frame = ("frames", "valid", "global_orient", "body_pose", "transl", "confidence")
    return replace(motion, **{name: getattr(motion, name)[rows] for name in per_frame})


def _nothing(motion: WorldMotion) -> PhysicsReport:
    return PhysicsReport(
        motion.person_id, np.zeros(len(motion.frames), bool), (), (), 0, (0.0, 0.0), (0.0, 0.0), 0.0, 0.0, 0.0
    )
