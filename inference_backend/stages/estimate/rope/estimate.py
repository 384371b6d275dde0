"""The Rope estimator: every frame by itself through the network, then one motion."""

from dataclasses import replace

import numpy as np
import torch

from ....body.body import Body
from ....geometry.clock import nearest_index
from ....protocol.errors import ErrorCode, RecoverError
from ....records.camera import Camera
from ....records.context import StageContext
from ....records.motion import PoseEstimate
from ....records.people import PersonTrack
from ....records.video import Video
from ..kinematic.observations import Observations, motion_at_source, observe
from ..kinematic.refine import refine
from ..kinematic.report import near_evidence, reprojection_error
from ..moro.quality import landmark_places
from .inference import infer
from .postprocess import RopeMotion, postprocess
from .settings import RopeSettings
from .weights import load_for_body

NAME = "rope"


def estimate(
    video: Video, track: PersonTrack, camera: Camera, body: Body, settings: RopeSettings, ctx: StageContext
) -> PoseEstimate:
    """Recover one person's motion in the camera's frame.

    Args:
        video: its time stamps, and its pictures where the weights look at pictures.
        track: the person's landmarks, boxes and masks.
        camera: intrinsics.
        body: the body that the weights were trained for.
        settings: see `RopeSettings`.
        ctx: device, and progress after each batch.

    Returns:
        The motion of the track's frames; finite whatever the evidence is.

    Raises:
        RecoverError: weights are missing or damaged, the body is another one, or a setting makes no sense.
    """
    observed, recovered = recover_motion(video, track, camera, body, settings, ctx)
    return at_source(video, track, camera, body, observed, recovered)


def recover_motion(
    video: Video, track: PersonTrack, camera: Camera, body: Body, settings: RopeSettings, ctx: StageContext
) -> tuple[Observations, RopeMotion]:
    """The motion on the 30 fps clock, and the landmarks there; arguments as for `estimate`."""
    if not 0 <= settings.smoothing_s <= 2:
        raise RecoverError(
            ErrorCode.BAD_SETTING, "The setting rope.smoothing_s must be between 0 and 2 seconds.", "Use 0.3 or 0."
        )
    if len(track) == 0:
        raise RecoverError(
            ErrorCode.BAD_INPUT, "There is no frame to recover.", "Choose a part of the clip that shows somebody."
        )
    model = load_for_body(settings, body, ctx.device)
    observed = observe(video, track, camera)
    recovered = postprocess(
        infer(model, video, track, camera, observed, ctx), observed.time_s, body, settings.smoothing_s
    )
    if settings.refine:
        motion = (recovered.rotations, recovered.pelvis, recovered.betas)
        rotations, pelvis, betas = refine(body, observed, *motion, settings.refine_iterations)
        recovered = replace(recovered, betas=betas, rotations=rotations, pelvis=pelvis)
    return observed, recovered


def at_source(
    video: Video, track: PersonTrack, camera: Camera, body: Body, observed: Observations, recovered: RopeMotion
) -> PoseEstimate:
    """Back to the source's time stamps, with what is known about the quality."""
    time_s = video.time_s[track.frames]
    nearest = nearest_index(observed.time_s, time_s)
    motion = (recovered.rotations.numpy(), recovered.pelvis.numpy())
    turned, pelvis = motion_at_source(video, track, camera, observed, *motion)
    places = landmark_places(body, recovered.betas, torch.from_numpy(turned), torch.from_numpy(pelvis))
    rest = body.rest_joints(recovered.betas.to(body.v_template))[0].double().numpy()
    return PoseEstimate(
        person_id=track.person_id,
        shot=track.shot,
        frames=track.frames,
        estimator=NAME,
        valid=near_evidence(observed.seen)[nearest],
        betas=recovered.betas.numpy(),
        global_orient=turned[:, 0],
        body_pose=turned[:, 1:],
        transl=pelvis - rest,
        confidence=recovered.visibility[nearest].astype(np.float32),
        depth_sigma=recovered.depth_sigma[nearest].astype(np.float32),
        reproj_err=reprojection_error(places, track, camera),
    )
