"""The chain of both networks: Rope reads every frame by itself, MoRo goes on from there.

Whichever has no weights is left out, and the result says so.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ....body.body import Body
from ....geometry.clock import nearest_index
from ....models.moro.network import Moro
from ....models.moro.recovery.guide import Guide
from ....protocol.errors import ErrorCode, RecoverError
from ....records.camera import Camera
from ....records.context import StageContext
from ....records.motion import PoseEstimate
from ....records.people import PersonTrack
from ....records.video import Video
from ..moro import weights as moro_weights
from ..moro.estimate import estimate as estimate_moro
from ..rope import weights as rope_weights
from ..rope.estimate import at_source, recover_motion
from ..rope.estimate import estimate as estimate_rope
from ..trained_body import TrainedBody
from .coarse_path import mean_path
from .seeds import influence_of, seed_tokens
from .settings import RopeMoroSettings

NAME = "rope+moro"
_ROPE_SHARE = 0.3


def estimate(
    video: Video, track: PersonTrack, camera: Camera, body: Body, settings: RopeMoroSettings, ctx: StageContext
) -> PoseEstimate:
    """Recover one person's motion in the camera's frame.

    Args:
        video, track, camera, body, ctx: as for either estimator.
        settings: of both, and of what passes between them.

    Returns:
        The motion; its `estimator` is the one that ran, `rope+moro` where both did.

    Raises:
        RecoverError: neither has weights, or what either of them raises.
    """
    missing = missing_weights(settings)
    if missing == {"moro"}:
        ctx.note("MoRo has no weights, so the motion comes from Rope alone.")
        return estimate_rope(video, track, camera, body, settings.rope, ctx)
    if missing == {"rope"}:
        ctx.note("Rope has no weights, so the motion comes from MoRo alone.")
        return estimate_moro(video, track, camera, body, settings.moro, ctx)
    if missing:
        raise _no_weights()
    first = replace(ctx, progress=lambda share, frames: ctx.progress(_ROPE_SHARE * share, frames))
    observed, recovered = recover_motion(video, track, camera, body, settings.rope, first)
    reprojection = at_source(video, track, camera, body, observed, recovered).reproj_err
    time_s = video.time_s[track.frames]
    nearest = nearest_index(time_s, observed.time_s)

    def guidance(model: Moro, vertex_ids: NDArray[np.int64]) -> Guide:
        links = settings.links
        seeds = (None, None)
        if links.seed_tokens:
            shaped = influence_of(moro_weights.weights_checksum(settings.moro), model, vertex_ids, body)
            pose, seen = (recovered.betas, recovered.rotations), (recovered.visibility, reprojection[nearest])
            seeds = seed_tokens(model, shaped, vertex_ids, body, *pose, *seen, links)
        path = recovered.pelvis.float().clone()
        path[~torch.from_numpy(observed.seen)] = torch.nan
        coarse = (lambda frames, own: mean_path(own, path[frames])) if links.coarse_trajectory else None
        return Guide(*seeds, coarse)

    second = replace(ctx, progress=lambda share, frames: ctx.progress(_ROPE_SHARE + (1 - _ROPE_SHARE) * share, frames))
    found = estimate_moro(video, track, camera, body, settings.moro, second, guided_by=guidance)
    confidence = found.confidence
    if settings.links.visibility:
        back = nearest_index(observed.time_s, time_s)
        confidence = confidence * np.sqrt(recovered.visibility[back]).astype(np.float32)
    return replace(found, estimator=NAME, confidence=confidence)


def missing_weights(settings: RopeMoroSettings) -> set[str]:
    """Which of `rope` and `moro` has no weights. A file that is named but absent is an error all the same.

    Raises:
        RecoverError: `MISSING_PART` for a named file that is not there.
    """
    missing = set()
    for name, find, own in (
        ("rope", rope_weights.weights_path, settings.rope),
        ("moro", moro_weights.weights_path, settings.moro),
    ):
        try:
            find(own)
        except RecoverError:
            if own.weights is not None:
                raise
            missing.add(name)
    return missing


def _no_weights() -> RecoverError:
    return RecoverError(
        ErrorCode.MISSING_PART,
        "The estimator rope+moro has no weights, neither for Rope nor for MoRo.",
        f"Put {rope_weights.BUNDLED.name} or {moro_weights.BUNDLED.name} into the backend's folder "
        f"{rope_weights.BUNDLED.parent.name}, name files in the settings rope.weights and moro.weights, or use the "
        'estimator "kinematic".',
    )


def weights_checksum(settings: RopeMoroSettings) -> str:
    """Checksums of the weights files that there are."""
    missing = missing_weights(settings)
    if len(missing) == 2:
        raise _no_weights()
    rope = "" if "rope" in missing else rope_weights.weights_checksum(settings.rope)
    moro = "" if "moro" in missing else moro_weights.weights_checksum(settings.moro)
    return f"{rope}+{moro}"


def trained_body(settings: RopeMoroSettings) -> TrainedBody:
    """The body that the weights were trained for.

    Raises:
        RecoverError: `WRONG_BODY` when Rope's and MoRo's were trained for different ones; or weights are missing.
    """
    missing = missing_weights(settings)
    if len(missing) == 2:
        raise _no_weights()
    if "rope" in missing:
        return moro_weights.trained_body(settings.moro)
    rope = rope_weights.trained_body(settings.rope)
    if "moro" not in missing and (moro := moro_weights.trained_body(settings.moro)).sha256 != rope.sha256:
        raise RecoverError(
            ErrorCode.WRONG_BODY,
            f"Rope's weights were trained for the body {rope}, MoRo's for {moro}.",
            "Name weights for the same body in rope.weights and moro.weights, or use one of the two estimators alone.",
        )
    return rope
