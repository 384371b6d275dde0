"""The MoRo estimator: evidence of a track to motion tokens, to meshes, to the body's parameters."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....body.body import Body
from ....geometry.clock import nearest_index
from ....models.moro.evidence.landmark_evidence import LandmarkSource
from ....models.moro.evidence.window import EvidenceSource
from ....models.moro.mesh.fit_body import BodyFitting
from ....models.moro.motion.trajectory import place
from ....models.moro.network import Moro
from ....models.moro.recovery.crop_evidence import CropSource
from ....models.moro.recovery.guide import Guide
from ....models.moro.recovery.recover_clip import recover_clip
from ....protocol.errors import ErrorCode, RecoverError
from ....records.camera import Camera
from ....records.context import StageContext
from ....records.motion import PoseEstimate
from ....records.people import PersonTrack
from ....records.video import Video
from ...one_thread import one_thread
from ..kinematic.observations import Observations, motion_at_source, observe
from ..kinematic.refine import refine
from ..kinematic.report import reprojection_error
from .crops import crop_boxes, nearest_frames, person_crops
from .quality import describe, landmark_places
from .settings import MoroSettings
from .weights import SMPLX_VERTICES, load_moro

NAME = "moro"
_WINDOWS_ON_CUDA = 16
"""Windows that a landmark network decodes together, which alone are too small for a GPU."""
_FIT_SHARE = 0.1
_ENCODE_SHARE = 0.4
"""Parts of the progress bar: fitting the body; of the rest, the backbone where there is one."""


class _Done:
    """Frames that each step is through with, as one fraction that never falls."""

    def __init__(self, ctx: StageContext, n_frames: int, encode_share: float) -> None:
        self._ctx, self._n_frames, self._encode_share = ctx, n_frames, encode_share
        self._encoded = self._decoded = 0

    def encoded(self, frames: int) -> None:
        """The backbone is through with so many frames."""
        self._encoded = frames
        self._report()

    def decoded(self, frames: int) -> None:
        """So many frames have tokens."""
        self._decoded = frames
        self._report()

    def fitted(self, frames: int) -> None:
        """So many frames have body parameters."""
        self._ctx.progress(1 - _FIT_SHARE * (1 - frames / self._n_frames), frames)

    def _report(self) -> None:
        share = self._encode_share * self._encoded + (1 - self._encode_share) * self._decoded
        self._ctx.progress((1 - _FIT_SHARE) * share / self._n_frames, self._decoded)


def estimate(
    video: Video,
    track: PersonTrack,
    camera: Camera,
    body: Body,
    settings: MoroSettings,
    ctx: StageContext,
    guided_by: Callable[[Moro, NDArray[np.int64]], Guide] | None = None,
) -> PoseEstimate:
    """Recover one person's motion in the camera's frame.

    Args:
        video: its time stamps, and its pictures where the weights look at pictures.
        track: the person's landmarks and boxes.
        camera: intrinsics.
        body: the body that the weights were trained for.
        settings: see `MoroSettings`.
        ctx: device, and progress after each batch and window.
        guided_by: called with the network and its mesh's vertices; what another estimator contributes to the decoding.

    Returns:
        The motion of the track's frames; finite whatever the evidence is.

    Raises:
        RecoverError: weights, connections or `smplfitter` are missing, or the body is another one.
    """
    if settings.steps is not None and settings.steps < 1:
        raise RecoverError(ErrorCode.BAD_SETTING, "The setting moro.steps must be at least 1.", "Use 1, 5, 10 or 20.")
    with one_thread():
        model, vertex_ids = load_moro(settings, body, ctx.device)
    reads_landmarks = model.config.backbone is None
    solver = "cuda" if ctx.device.startswith("cuda") else "cpu"
    small = reads_landmarks and solver == "cpu"
    with one_thread(small):
        fitting = BodyFitting(body.to(solver), vertex_ids, released=len(body.v_template) == SMPLX_VERTICES)
    observed = observe(video, track, camera)
    n_frames = len(observed.time_s)

    done = _Done(ctx, n_frames, 0.0 if reads_landmarks else _ENCODE_SHARE)
    source = _evidence(model, video, track, camera, observed, ctx, done.encoded)
    guide = None if guided_by is None else guided_by(model, vertex_ids)
    steps = settings.steps or (1 if reads_landmarks else 5)
    at_once = _WINDOWS_ON_CUDA if solver == "cuda" and reads_landmarks else 1
    with one_thread(small):
        motion = recover_clip(model, source, steps, windows_at_once=at_once, progress=done.decoded, guide=guide)
    if not motion.is_finite() and model.dst_former.compute_dtype == torch.float16:
        # float16 ends at 65504. Weights that go beyond it are done again in float32.
        model, _ = load_moro(replace(settings, precision="float32"), body, ctx.device)
        source = _evidence(model, video, track, camera, observed, ctx, lambda _frames: None)
        with one_thread(small):
            motion = recover_clip(model, source, steps, guide=guide)
    codes, turn, pelvis = (x.to(ctx.device) for x in (motion.codes, motion.rotation, motion.translation))

    def meshes(frames: Tensor) -> Tensor:
        index = frames.to(codes.device)
        return place(model.meshes(codes[index]), turn[index], pelvis[index, None]).to(solver)

    with torch.no_grad(), one_thread(small):
        fitted = fitting.fit(meshes, n_frames, done.fitted)
    body.to("cpu")
    betas, rotations, transl = (x.double().cpu() for x in (fitted.betas, fitted.rotations, fitted.transl))
    betas, rotations, transl, whole = _finite(betas, rotations, transl)
    rest = body.rest_joints(betas.to(body.v_template))[0].double()
    placed = transl + rest
    if reads_landmarks if settings.refine is None else settings.refine:
        start = (rotations, placed, betas)
        rotations, placed, betas = refine(body, observed, *start, settings.refine_iterations, motion.uncertainty)
    sure = motion.confidence.mean(1).numpy() * whole
    return _at_source(video, track, camera, body, observed, betas, rotations, placed, sure)


def _evidence(
    model: Moro,
    video: Video,
    track: PersonTrack,
    camera: Camera,
    observed: Observations,
    ctx: StageContext,
    progress: Callable[[int], None],
) -> EvidenceSource:
    if model.config.backbone is None:
        arrays = (observed.rays, observed.visibility, observed.world, observed.seen)
        return LandmarkSource(*map(torch.from_numpy, arrays))
    nearest = nearest_frames(video, track, observed.time_s)
    crops = person_crops(video, track, camera, nearest, model.config.backbone.crop)
    return CropSource(model, crops, crop_boxes(track, camera, nearest), progress, ctx.batch_scale)


def _finite(betas: Tensor, rotations: Tensor, transl: Tensor) -> tuple[Tensor, Tensor, Tensor, NDArray[np.bool_]]:
    """Rotations to double precision. Frames that could not be fitted take the nearest good one, or the rest pose."""
    good = (rotations.isfinite().all(-1).all(-1).all(-1) & transl.isfinite().all(-1)).numpy()
    index = np.flatnonzero(good)
    if len(index) == 0:
        rotations, transl = torch.eye(3, dtype=torch.float64).expand(rotations.shape).clone(), torch.zeros_like(transl)
        transl[:, 2] = 4.0
    elif len(index) < len(good):
        nearest = torch.from_numpy(index[np.abs(index[None] - np.arange(len(good))[:, None]).argmin(1)])
        rotations, transl = rotations[nearest], transl[nearest]
    return betas.nan_to_num(), roma.special_procrustes(rotations), transl, good


@one_thread()
def _at_source(
    video: Video,
    track: PersonTrack,
    camera: Camera,
    body: Body,
    observed: Observations,
    betas: Tensor,
    rotations: Tensor,
    pelvis: Tensor,
    sure: NDArray[np.floating],
) -> PoseEstimate:
    """Back to the source's time stamps, with what is known about the quality."""
    time_s = video.time_s[track.frames]
    quality = describe(observed, landmark_places(body, betas, rotations, pelvis), sure)
    nearest = nearest_index(observed.time_s, time_s)
    turned, pelvis_at = motion_at_source(video, track, camera, observed, rotations.numpy(), pelvis.numpy())
    places = landmark_places(body, betas, torch.from_numpy(turned), torch.from_numpy(pelvis_at))
    rest = body.rest_joints(betas.to(body.v_template))[0].double().numpy()
    return PoseEstimate(
        person_id=track.person_id,
        shot=track.shot,
        frames=track.frames,
        estimator=NAME,
        valid=quality.valid[nearest],
        betas=betas.numpy(),
        global_orient=turned[:, 0],
        body_pose=turned[:, 1:],
        transl=pelvis_at - rest,
        confidence=quality.confidence[nearest].astype(np.float32),
        depth_sigma=quality.depth_sigma[nearest].astype(np.float32),
        reproj_err=reprojection_error(places, track, camera),
    )
