"""The kinematic estimator: constant bones, rotations fitted over the whole clip to all landmarks at once."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....body.body import Body
from ....geometry.clock import CLOCK_FPS, cubic, cubic_rotations
from ....records.camera import Camera
from ....records.context import StageContext
from ....records.motion import PoseEstimate
from ....records.people import PersonTrack
from ....records.video import Video
from ...one_thread import one_thread
from .evidence import Evidence
from .figure import Figure
from .initialise import initialise
from .landmark_weights import landmark_weights
from .landmarks import figure_of
from .observations import Observations, build_evidence, fill, into_camera, observe, smooth_weights
from .prior import MotionPrior, load_prior
from .report import confidence_of, depth_sigma_of, near_evidence, reprojection_error, support_of
from .settings import KinematicSettings
from .shape_prior import known_size
from .solver import Motion, Solver, local_rotations, pose
from .windows import merge, stack_evidence, stack_motion, window_spans

NAME = "kinematic"
Array = NDArray[np.float64]
_PART = 512  # frames of a long clip that are started or posed at once, so that memory stays small


def estimate(
    video: Video, track: PersonTrack, camera: Camera, body: Body, settings: KinematicSettings, ctx: StageContext
) -> PoseEstimate:
    """Recover one person's motion in the camera's frame.

    Args:
        video: its time stamps.
        track: the person's landmarks; frames not seen are filled by the motion prior.
        camera: intrinsics; landmarks are undistorted with them.
        body: any body in SMPL-X's layout.
        settings: see `KinematicSettings`.
        ctx: progress after each batch of windows.

    Returns:
        The motion of the track's frames; finite whatever the landmarks are.
    """
    figure, prior = figure_of(body), load_prior()
    observed = observe(video, track, camera)
    with one_thread():
        motion, weights = fit(figure, prior, observed, settings, ctx)
        return _at_source(video, track, camera, figure, prior, observed, motion, weights, settings)


def fit(
    figure: Figure,
    prior: MotionPrior,
    observed: Observations,
    settings: KinematicSettings,
    ctx: StageContext,
) -> tuple[Motion, Array]:
    """Fit the motion on the clock: shape first, then all windows. Before a camera that turns it is fitted in the axes
    of the shot's first frame, where feet that stand are still.

    Returns:
        The motion as one window `[1,M,...]`, and the weights `[M,33]` that the landmarks were given.
    """
    weights = landmark_weights(observed.rays, observed.visibility, observed.seen, settings)
    whole, landmarks = build_evidence(observed, weights)
    M = len(observed.seen)
    betas = torch.zeros(figure.points_by_beta.shape[-1], dtype=torch.float64)
    smooth = smooth_weights(weights)
    starts = [
        initialise(figure, prior, betas, landmarks[p], whole.rays[0, p], whole.weights[0, p], smooth[p])
        for p in _parts(M)
    ]
    pelvis, root, z = (torch.cat([getattr(start, name) for start in starts]) for name in ("pelvis", "root", "z"))
    if whole.turn is not None:
        pelvis, root = (whole.turn[0] @ pelvis[..., None])[..., 0], whole.turn[0] @ root
    pelvis = torch.from_numpy(fill(pelvis.numpy()[:, None], weights.mean(axis=1, keepdims=True))[:, 0])
    motion = Motion(pelvis[None], root[None], z[None], betas[None])
    betas = fit_shape(figure, prior, whole, motion, settings)
    return solve_windows(figure, prior, whole, replace(motion, betas=betas[None]), settings, ctx), weights


def solve_windows(
    figure: Figure,
    prior: MotionPrior,
    whole: Evidence,
    motion: Motion,
    settings: KinematicSettings,
    ctx: StageContext,
) -> Motion:
    """Fit a clip's motion `[1,M,...]` to its evidence from where it stands, window by window; its betas stay."""
    spans = window_spans(motion.pelvis.shape[1], settings)
    pieces = []
    batch = max(1, round(settings.batch * ctx.batch_scale))
    for i in range(0, len(spans), batch):
        group = spans[i : i + batch]
        pieces.append(_solve(figure, prior, stack_evidence(whole, group), stack_motion(motion, group), settings))
        ctx.progress(min(1.0, (i + len(group)) / len(spans)), group[-1][1])
    return merge(pieces, spans, motion.pelvis.shape[1])


def _parts(frames: int) -> list[slice]:
    return [slice(a, min(a + _PART, frames)) for a in range(0, frames, _PART)]


def _points(figure: Figure, prior: MotionPrior, motion: Motion) -> Array:
    """The landmarks' places `[M,33,3]` of a motion of one window."""
    parts = [stack_motion(motion, [(p.start, p.stop)]) for p in _parts(motion.pelvis.shape[1])]
    return torch.cat([pose(figure, prior, part).points[0] for part in parts]).numpy()


def _solve(
    figure: Figure, prior: MotionPrior, evidence: Evidence, motion: Motion, settings: KinematicSettings
) -> Motion:
    solver = Solver(figure, prior, evidence, settings)
    for i in range(settings.iterations):
        motion = solver.step(motion, tolerance_at(i, settings.iterations, settings))
    return motion


def tolerance_at(i: int, steps: int, settings: KinematicSettings) -> float:
    """Factor on the outlier threshold at step i: falls to 1 over the first half."""
    return float(settings.start_tolerance ** max(0.0, 1 - i / max(steps / 2, 1)))


def fit_shape(
    figure: Figure,
    prior: MotionPrior,
    whole: Evidence,
    motion: Motion,
    settings: KinematicSettings,
) -> Tensor:
    """Betas `[B]` of a clip's motion `[1,M,...]`, about those that it has, from the window that is seen best."""
    spans = window_spans(motion.pelvis.shape[1], settings)
    span = max(spans, key=lambda span: float(whole.weights[0, span[0] : span[1]].sum()))
    if not bool((whole.weights[:, span[0] : span[1]] > 0).any()):
        return motion.betas[0]
    known = known_size(figure, motion.betas[0], settings.size_sigma, settings.proportions_sigma)
    solver = Solver(figure, prior, stack_evidence(whole, [span]), settings)
    part = stack_motion(motion, [span])
    for i in range(settings.shape_iterations):
        part = solver.step(part, tolerance_at(i, settings.shape_iterations, settings), known if i >= 3 else None)
    return part.betas[0]


def _at_source(
    video: Video,
    track: PersonTrack,
    camera: Camera,
    figure: Figure,
    prior: MotionPrior,
    observed: Observations,
    motion: Motion,
    weights: Array,
    settings: KinematicSettings,
) -> PoseEstimate:
    """Back to the source's time stamps, with what is known about the quality."""
    time_s = video.time_s[track.frames]
    points = _points(figure, prior, motion)
    if observed.turn is not None:
        points = points @ observed.turn
    support = support_of(points, observed.rays, weights, settings)
    depth_sigma = depth_sigma_of(points, weights * support, observed.seen, settings)
    pelvis = cubic(observed.time_s, motion.pelvis[0].numpy(), time_s)
    root = cubic_rotations(observed.time_s, motion.root[0].numpy(), time_s)
    root, pelvis = into_camera(camera.turn_of(track.frames), root, pelvis)
    z = torch.from_numpy(cubic(observed.time_s, motion.z[0].numpy(), time_s))
    there = Motion(torch.from_numpy(pelvis)[None], torch.from_numpy(root)[None], z[None], motion.betas)
    local, _ = local_rotations(prior, z)
    betas = motion.betas[0]
    rest, _ = figure.rest(betas)
    nearest = np.clip(np.rint((time_s - time_s[0]) * CLOCK_FPS).astype(np.int64), 0, len(observed.seen) - 1)
    return PoseEstimate(
        person_id=track.person_id,
        shot=track.shot,
        frames=track.frames,
        estimator=NAME,
        valid=near_evidence(observed.seen)[nearest],
        betas=betas.numpy(),
        global_orient=root,
        body_pose=local.numpy(),
        transl=pelvis - rest[0].numpy(),
        confidence=confidence_of(support)[nearest].astype(np.float32),
        depth_sigma=depth_sigma[nearest].astype(np.float32),
        reproj_err=reprojection_error(_points(figure, prior, there), track, camera),
    )
