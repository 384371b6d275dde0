"""The kinematic estimator: constant bones, rotations fitted over the whole clip to all landmarks at once."""

from dataclasses import dataclass, replace

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from ....body.body import Body
from ....geometry.clock import clock_times, cubic, sample_seen
from ....geometry.projection import undistort
from ....records.camera import Camera
from ....records.context import StageContext
from ....records.motion import PoseEvidence
from ....records.people import PersonTrack
from ....records.video import Video
from .evidence import BONES, Evidence, view_rotation
from .figure import Figure
from .landmarks import figure_of
from .prior import MotionPrior, load_prior
from .report import confidence_of, depth_sigma_of, support_of
from .settings import KinematicSettings
from .solver import Motion, Solver, local_rotations, pose
from .start import analytic_start
from .trust import landmark_trust

NAME = "kinematic"
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Observed:
    """Landmarks of M frames on the 30 fps clock: seen `[M]`, rays `[M,33,2]`, visibility `[M,33]`, world `[M,33,3]`."""

    time_s: Array
    seen: NDArray[np.bool_]
    rays: Array
    visibility: Array
    world: Array


def estimate(
    video: Video, track: PersonTrack, camera: Camera, body: Body, settings: KinematicSettings, ctx: StageContext
) -> PoseEvidence:
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
    motion, trust = fit(figure, prior, observed, settings, ctx)
    return _at_source(video, track, camera, figure, prior, observed, motion, trust, settings)


def observe(video: Video, track: PersonTrack, camera: Camera) -> Observed:
    """Bring a track's landmarks onto the 30 fps clock."""
    time_s = video.time_s[track.frames]
    rays = undistort(track.keypoints, camera.K[track.frames], camera.dist)
    world, visibility = track.keypoints_world.astype(np.float64), track.visibility.astype(np.float64)
    finite = np.isfinite(rays).all((1, 2)) & np.isfinite(world).all((1, 2)) & np.isfinite(visibility).all(1)
    clock = clock_times(time_s)
    seen, (rays, visibility, world) = sample_seen(time_s, track.seen & finite, clock, rays, visibility, world)
    return Observed(clock, seen, np.nan_to_num(rays), np.nan_to_num(visibility), np.nan_to_num(world))


def _fill(values: Array, weight: Array) -> Array:
    """Fill frames without evidence linearly and smooth the rest lightly, each landmark by its own trust."""
    index = np.arange(len(values))
    has = weight.sum(axis=1) > 0
    if not has.any():
        return values
    flat = values.reshape(len(values), -1)
    filled = np.stack([np.interp(index, index[has], flat[has, k]) for k in range(flat.shape[1])], axis=1)
    filled = filled.reshape(values.shape)
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 1.5) ** 2)
    w = np.maximum(weight, 1e-3) ** 2
    total, mixed = np.zeros_like(w), np.zeros_like(filled)
    for offset, k in zip(range(-4, 5), kernel, strict=True):
        at = np.clip(index + offset, 0, len(index) - 1)
        total += k * w[at]
        mixed += k * w[at][..., None] * filled[at]
    return mixed / total[..., None]


def smooth_trust(trust: Array) -> Tensor:
    """Trust of the smoothed landmarks: what is near in time counts, too."""
    return torch.from_numpy(gaussian_filter1d(trust, 2.0, axis=0, mode="nearest"))


def _view(observed: Observed, trust: Array) -> Tensor:
    """Rotation from the camera into the view that looks at the person, `[M,3,3]`."""
    weight = np.maximum(trust[:, 11:], 1e-6)
    centre = (observed.rays[:, 11:] * weight[..., None]).sum(axis=1) / weight.sum(axis=1, keepdims=True)
    return view_rotation(torch.from_numpy(_fill(centre[:, None], observed.seen[:, None].astype(float))[:, 0]))


def build_evidence(observed: Observed, trust: Array) -> tuple[Evidence, Tensor]:
    """Evidence of M frames as one window; and for the start smoothed world landmarks `[M,33,3]`, camera's axes."""
    view = _view(observed, trust)
    world = torch.from_numpy(observed.world)
    vectors = BONES @ world
    length = vectors.norm(dim=-1, keepdim=True)
    bones = torch.where(length > 1e-6, vectors / length.clamp_min(1e-6), torch.zeros_like(vectors))
    t = torch.from_numpy(trust)
    ends = BONES.abs() > 0
    bone_trust = torch.where(ends, t[:, None, :], torch.ones_like(t[:, None, :])).amin(dim=-1)
    smooth = torch.from_numpy(_fill(observed.world, trust))
    landmarks = (view.transpose(-1, -2)[:, None] @ smooth[..., None])[..., 0]
    present = torch.ones(1, len(trust), dtype=torch.float64)
    evidence = Evidence(
        torch.from_numpy(observed.rays)[None], t[None], bones[None], bone_trust[None], view[None], present
    )
    return evidence, landmarks


def fit(
    figure: Figure,
    prior: MotionPrior,
    observed: Observed,
    settings: KinematicSettings,
    ctx: StageContext,
) -> tuple[Motion, Array]:
    """Fit the motion on the clock: shape first, then all windows.

    Returns:
        The motion as one window `[1,M,...]`, and the trust `[M,33]` that the landmarks were given.
    """
    trust = landmark_trust(observed.rays, observed.visibility, observed.seen, settings)
    whole, landmarks = build_evidence(observed, trust)
    M = len(observed.seen)
    betas = torch.zeros(figure.points_by_beta.shape[-1], dtype=torch.float64)
    start = analytic_start(figure, prior, betas, landmarks, whole.rays[0], whole.trust[0], smooth_trust(trust))
    pelvis = torch.from_numpy(_fill(start.pelvis.numpy()[:, None], trust.mean(axis=1, keepdims=True))[:, 0])
    spans = window_spans(M, settings)
    best = max(range(len(spans)), key=lambda i: float(trust[spans[i][0] : spans[i][1]].sum()))
    motion = Motion(pelvis[None], start.root[None], start.z[None], betas[None])
    betas = _shape(figure, prior, whole, motion, spans[best], settings)
    motion = replace(motion, betas=betas[None])
    pieces = []
    batch = max(1, round(settings.batch * ctx.batch_scale))
    for i in range(0, len(spans), batch):
        group = spans[i : i + batch]
        evidence = stack_evidence(whole, group)
        begin = stack_motion(motion, group)
        pieces.append(_solve(figure, prior, evidence, begin, settings))
        ctx.progress(min(1.0, (i + len(group)) / len(spans)), group[-1][1])
    return merge(pieces, spans, M), trust


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


def _shape(
    figure: Figure,
    prior: MotionPrior,
    whole: Evidence,
    motion: Motion,
    span: tuple[int, int],
    settings: KinematicSettings,
) -> Tensor:
    """Betas from the window that is seen best."""
    if not bool((whole.trust[:, span[0] : span[1]] > 0).any()):
        return motion.betas[0]
    solver = Solver(figure, prior, stack_evidence(whole, [span]), settings)
    part = stack_motion(motion, [span])
    for i in range(settings.shape_iterations):
        part = solver.step(part, tolerance_at(i, settings.shape_iterations, settings), shape=i >= 3)
    return part.betas[0]


def window_spans(frames: int, settings: KinematicSettings) -> list[tuple[int, int]]:
    """Windows of equal length that cover the frames with the given overlap."""
    if frames <= settings.window * 1.5:
        return [(0, frames)]
    count = int(np.ceil((frames - settings.overlap) / (settings.window - settings.overlap)))
    starts = np.linspace(0, frames - settings.window, count).round().astype(int)
    return [(int(s), int(s) + settings.window) for s in starts]


def stack_evidence(whole: Evidence, spans: list[tuple[int, int]]) -> Evidence:
    """Windows of a clip's evidence, stacked."""
    return Evidence(
        **{
            name: torch.cat([getattr(whole, name)[:, a:b] for a, b in spans], dim=0)
            for name in Evidence.__dataclass_fields__
        }
    )


def stack_motion(whole: Motion, spans: list[tuple[int, int]]) -> Motion:
    """Windows of a clip's motion, stacked."""
    parts = {name: torch.cat([getattr(whole, name)[:, a:b] for a, b in spans]) for name in ("pelvis", "root", "z")}
    return Motion(**parts, betas=whole.betas.expand(len(spans), -1))


def merge(pieces: list[Motion], spans: list[tuple[int, int]], frames: int) -> Motion:
    """Cross-fade overlapping windows into one."""
    if len(spans) == 1:
        return pieces[0]
    parts = {name: torch.cat([getattr(p, name) for p in pieces]) for name in ("pelvis", "root", "z")}
    total = torch.zeros(frames, dtype=torch.float64)
    sums = {name: torch.zeros(frames, *value.shape[2:], dtype=torch.float64) for name, value in parts.items()}
    for k, (a, b) in enumerate(spans):
        ramp = torch.ones(b - a, dtype=torch.float64)
        if k:
            fade = spans[k - 1][1] - a
            ramp[:fade] = (torch.arange(fade, dtype=torch.float64) + 0.5) / fade
        if k + 1 < len(spans):
            fade = b - spans[k + 1][0]
            ramp[-fade:] *= torch.flip((torch.arange(fade, dtype=torch.float64) + 0.5) / fade, (0,))
        total[a:b] += ramp
        for name, value in parts.items():
            sums[name][a:b] += ramp.reshape(-1, *[1] * (value.ndim - 2)) * value[k]
    mixed = {name: value / total.reshape(-1, *[1] * (value.ndim - 1)) for name, value in sums.items()}
    root = roma.special_procrustes(mixed["root"])
    return Motion(mixed["pelvis"][None], root[None], mixed["z"][None], pieces[0].betas[:1])


def _smooth_root(clock: Array, root: Array, target: Array) -> Array:
    """Rotations at other times by a cubic spline through sign-continuous quaternions."""
    quaternion = roma.rotmat_to_unitquat(torch.from_numpy(root)).numpy()
    flips = np.cumprod(np.where((quaternion[1:] * quaternion[:-1]).sum(-1) < 0, -1.0, 1.0))
    quaternion[1:] *= flips[:, None]
    at = cubic(clock, quaternion, target)
    at /= np.linalg.norm(at, axis=-1, keepdims=True)
    return roma.unitquat_to_rotmat(torch.from_numpy(at)).numpy()


def _at_source(
    video: Video,
    track: PersonTrack,
    camera: Camera,
    figure: Figure,
    prior: MotionPrior,
    observed: Observed,
    motion: Motion,
    trust: Array,
    settings: KinematicSettings,
) -> PoseEvidence:
    """Back to the source's time stamps, with what is known about the quality."""
    time_s = video.time_s[track.frames]
    posed = pose(figure, prior, motion)
    support = support_of(posed.points[0].numpy(), observed.rays, trust, settings)
    pelvis = cubic(observed.time_s, motion.pelvis[0].numpy(), time_s)
    root = _smooth_root(observed.time_s, motion.root[0].numpy(), time_s)
    z = torch.from_numpy(cubic(observed.time_s, motion.z[0].numpy(), time_s))
    local, _ = local_rotations(prior, z)
    betas = motion.betas[0]
    rest, _ = figure.rest(betas)
    rotations = torch.cat([torch.from_numpy(root)[:, None], local], dim=1)
    _, points, _ = figure.pose(betas, rotations, torch.from_numpy(pelvis))
    nearest = np.abs(observed.time_s[None] - time_s[:, None]).argmin(axis=1)
    return PoseEvidence(
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
        depth_sigma=depth_sigma_of(posed.points[0].numpy(), trust * support, observed.seen, settings)[nearest].astype(
            np.float32
        ),
        reproj_err=reprojection_error(points.numpy(), track, camera),
    )


def near_evidence(seen: NDArray[np.bool_], reach: int = 15) -> NDArray[np.bool_]:
    """Frames within half a second of evidence; shorter gaps are bridged whole."""
    near = np.convolve(seen, np.ones(2 * reach + 1), mode="same")[: len(seen)] if len(seen) > 2 * reach else None
    if near is None:
        return np.full(len(seen), bool(seen.any()))
    return near > 0


def reprojection_error(points: Array, track: PersonTrack, camera: Camera) -> NDArray[np.float32]:
    """Mean miss `[N]` of a track's landmarks by the figure's points `[N,33,3]`, in box sides; NaN where not seen."""
    rays = undistort(track.keypoints, camera.K[track.frames], camera.dist)
    focal = 0.5 * (camera.K[track.frames, 0, 0] + camera.K[track.frames, 1, 1])
    side = np.maximum((track.box[:, 2:] - track.box[:, :2]).max(axis=1), 1.0)
    miss = np.linalg.norm(points[..., :2] / np.maximum(points[..., 2:], 1e-2) - rays, axis=-1)
    weight = track.visibility * np.isfinite(miss)
    mean = (np.nan_to_num(miss) * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-6)
    ok = track.seen & (weight.sum(axis=1) > 0)
    return np.where(ok, mean * focal / side, np.nan).astype(np.float32)
