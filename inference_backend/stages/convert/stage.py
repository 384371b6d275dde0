"""The conversion stage: a motion recovered on the body that an estimator's weights know, on another body."""

from dataclasses import replace

import numpy as np
import torch

from ...body.body import Body
from ...protocol.result_format import person_name
from ...records.context import StageContext
from ...records.motion import PoseEstimate
from ..one_thread import one_thread
from .figure import common_figure
from .refit import Pose, refit

_JOINTS = 22


def convert_body(motion: PoseEstimate, source: Body, target: Body, ctx: StageContext) -> PoseEstimate:
    """Refit a motion to another body, and say how far its joints are off then.

    Rotations are carried over, betas found from the bones, then both are refined together until joints, head, hands
    and feet are where they were. The meshes need not have anything in common.

    Args:
        motion: recovered on `source`, camera frame.
        source: the body it belongs to.
        target: the body wanted.
        ctx: a note with the error in millimetres.

    Returns:
        The motion on `target`; what is known of its quality stays.
    """
    if not len(motion.frames):
        return replace(motion, betas=np.zeros_like(motion.betas))
    old, new = common_figure(source), common_figure(target)
    rotations = np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1)
    betas = torch.from_numpy(np.asarray(motion.betas, np.float64))
    rest, _ = old.rest(betas)
    given = Pose(betas, torch.from_numpy(rotations), torch.from_numpy(motion.transl) + rest[0])
    with one_thread():  # thousands of small systems
        found = refit(old, new, given)
    ctx.progress(1.0, len(motion.frames))
    off = (found.points(new) - given.points(old))[:, :_JOINTS].norm(dim=-1).numpy() * 1000
    off = off[motion.valid] if motion.valid.any() else off
    ctx.note(
        f"{person_name(motion.person_id).capitalize()} was recovered on the body {source.name} and refitted to "
        f"{target.name}: joints are off by {off.mean():.0f} mm on average and {off.max():.0f} mm at most."
    )
    new_rest, _ = new.rest(found.betas)
    return replace(
        motion,
        betas=found.betas.numpy(),
        global_orient=found.rotations[:, 0].numpy(),
        body_pose=found.rotations[:, 1:].numpy(),
        transl=(found.pelvis - new_rest[0]).numpy(),
    )
