"""The foot lock: feet in contact stand still, the rest of the motion changes as little as possible."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.feet import ANKLES, BALLS, HEEL, HIPS, KNEES, TOE, Soles, find_soles
from ...geometry.forward_kinematics import pose_joints
from ...records.context import StageContext
from ...records.motion import Contacts, WorldMotion
from ...records.video import Video
from .leg_ik import SOFT, Leg, solve
from .pins import FootPins, place_pins
from .root import root_shift
from .settings import FootLockSettings
from .smoothing import smooth_motion
from .targets import FootTargets, foot_targets, lift_over_floor


def lock_feet(
    video: Video, motion: WorldMotion, contacts: Contacts, body: Body, settings: FootLockSettings, ctx: StageContext
) -> WorldMotion:
    """Pin heels and toes in contact to the floor by a smooth shift of the root and two-bone IK of the legs.

    Args:
        video: gives the time stamp of each frame.
        motion: N frames in the world, floor at y = 0.
        contacts: bool `[N,4]`.
        body: `body.Body`.
        settings: strength, blends, smoothing.
        ctx: progress.

    Returns:
        The motion with new `transl` and leg rotations; shape, upper body and heading are kept (but for smoothing).
    """
    count = len(motion.frames)
    if count == 0:
        return motion
    time_s = video.time_s[motion.frames]
    soles = find_soles(body, motion.betas)
    motion = smooth_motion(motion, time_s, settings.smoothing_s, soles.joints[0])
    joints, rotations = pose_joints(soles.joints, motion.global_orient, motion.body_pose, motion.transl)
    ctx.progress(0.3, 0)
    contact = contacts.contact & motion.valid[:, None]
    feet = _Feet(joints[:, list(ANKLES)], rotations[:, list(ANKLES)], rotations[:, list(BALLS)])
    pins = _pins(soles, feet, contact, time_s, settings)
    shift = settings.strength * _shift(soles, joints, feet, pins, time_s, settings)
    targets = foot_targets(
        soles, pins, feet.ankle + shift[:, None], feet.foot, feet.toes, time_s, settings.blend_s, settings.strength
    )
    if settings.keep_above_floor:
        targets = _lifted(soles, targets, time_s, settings.blend_s)
    ctx.progress(0.7, 0)
    body_pose = _bend_legs(motion.body_pose, joints, rotations, shift, targets)
    ctx.progress(1.0, count)
    return dataclasses.replace(motion, transl=motion.transl + shift, body_pose=body_pose)


@dataclasses.dataclass(frozen=True)
class _Feet:
    ankle: NDArray[np.float64]
    foot: NDArray[np.float64]
    toes: NDArray[np.float64]


def _pins(
    soles: Soles, feet: _Feet, contact: NDArray[np.bool_], time_s: NDArray[np.float64], settings: FootLockSettings
) -> list[FootPins]:
    points = soles.place(feet.ankle, feet.foot, feet.toes)
    pins = []
    for side in (0, 1):
        forward = feet.foot[:, side] @ soles.flat[side].T[:, 2]
        heading = np.arctan2(forward[:, 0], forward[:, 2])
        pins.append(
            place_pins(
                points[:, side, [HEEL, TOE]],
                heading,
                contact[:, 2 * side : 2 * side + 2],
                time_s,
                soles,
                side,
                settings.split_m,
                settings.blend_s,
            )
        )
    return pins


def _shift(
    soles: Soles,
    joints: NDArray[np.float64],
    feet: _Feet,
    pins: list[FootPins],
    time_s: NDArray[np.float64],
    settings: FootLockSettings,
) -> NDArray[np.float64]:
    still = foot_targets(soles, pins, feet.ankle, feet.foot, feet.toes, time_s, settings.blend_s, 1.0)
    if settings.keep_above_floor:
        still = _lifted(soles, still, time_s, settings.blend_s)
    held = (still.weight > 0.999).astype(np.float64)
    hips, knees = joints[:, list(HIPS)], joints[:, list(KNEES)]
    now = np.linalg.norm(feet.ankle - hips, axis=-1)
    full = np.linalg.norm(knees - hips, axis=-1) + np.linalg.norm(feet.ankle - knees, axis=-1)
    return root_shift(
        still.ankle - feet.ankle,
        held,
        hips,
        still.ankle,
        np.maximum(now, (1 - SOFT) * full),
        time_s,
        settings.root_period_s,
        settings.root_shift_m,
    )


def _lifted(soles: Soles, targets: FootTargets, time_s: NDArray[np.float64], blend_s: float) -> FootTargets:
    lift = lift_over_floor(soles, targets, time_s, blend_s)
    return dataclasses.replace(targets, ankle=targets.ankle + lift[..., None] * [0, 1, 0])


def _bend_legs(
    body_pose: NDArray[np.float64],
    joints: NDArray[np.float64],
    rotations: NDArray[np.float64],
    shift: NDArray[np.float64],
    targets: FootTargets,
) -> NDArray[np.float64]:
    """New local rotations `[N,21,3,3]`; frames whose feet already are where they should be keep theirs exactly."""
    new = body_pose.copy()
    for side in (0, 1):
        hip, knee, ankle, ball = HIPS[side], KNEES[side], ANKLES[side], BALLS[side]
        moved = np.linalg.norm(targets.ankle[:, side] - shift - joints[:, ankle], axis=1) > 1e-7
        turned = np.abs(targets.foot[:, side] - rotations[:, ankle]).max((1, 2)) > 1e-9
        turned |= np.abs(targets.toes[:, side] - rotations[:, ball]).max((1, 2)) > 1e-9
        rows = np.flatnonzero(moved | turned)
        if len(rows) == 0:
            continue
        leg = Leg(*(joints[rows, j] for j in (hip, knee, ankle)), rotations[rows, hip], rotations[rows, knee])
        bent = solve(leg, leg.hip + shift[rows], targets.ankle[rows, side])
        chain = [rotations[rows, 0], bent.thigh, bent.shin, targets.foot[rows, side], targets.toes[rows, side]]
        for joint, parent, child in zip((hip, knee, ankle, ball), chain[:-1], chain[1:], strict=True):
            new[rows, joint - 1] = parent.transpose(0, 2, 1) @ child
    return new
