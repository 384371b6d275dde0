"""The focal length from people who walk in depth.

How large a person appears gives distance / focal length, never the focal length itself: a long lens far away and a
short one nearby draw the same upright person. But walking ties the two. While a foot stands still, the pelvis moves
relative to it in metres (world landmarks), and the person's distance must change by just that. Distance is
f times a function of the image, so every step in depth is a measurement of f. People who stay where they are, or walk
across the image, say nothing, and nothing is concluded from them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...geometry.banded import frame_seconds, smooth
from ...geometry.blazepose import BODY, INDEX
from ...records.people import PersonTrack

FEET: Final = tuple((INDEX[f"{side}_heel"], INDEX[f"{side}_foot_index"]) for side in ("left", "right"))
MIN_DEPTH_M: Final = 1.5
"""Distance that feet must cover in depth, all stances together, for a conclusion."""
MAX_SPREAD: Final = 0.08
"""Largest standard deviation of log f, by the jackknife, for a conclusion."""
MIN_AGREEMENT: Final = 0.7
"""Smallest squared correlation of the two speeds for a conclusion."""
LANDMARK_SIGMA: Final = 0.12
"""What world landmarks' stride may be off by, as a share, however long the walk."""
PRIOR_SIGMA: Final = 0.35
"""Spread of log f over the cameras that people use, about the fallback."""
_PERIOD_S: Final = 0.5
_BLOCK_S: Final = 0.6


@dataclass(frozen=True)
class FocalEvidence:
    """A focal length and how far it can be trusted.

    Attributes:
        focal_px: pixels.
        spread: the jackknife's standard deviation of its logarithm.
        depth_m: metres walked in depth.
        agreement: squared correlation of the distance's speed and the strides' (noise in either drags f to one side).
    """

    focal_px: float
    spread: float
    depth_m: float
    agreement: float

    @property
    def conclusive(self) -> bool:
        """Whether to believe it."""
        return self.spread < MAX_SPREAD and self.depth_m > MIN_DEPTH_M and self.agreement > MIN_AGREEMENT


@dataclass(frozen=True)
class _Steps:
    """Sums over blocks of time: `f * depth . depth = - depth . stride` over frames in which a foot stands.

    `speeds [B,3]`: sums of stride^2, stride x depth and depth^2.
    """

    depth_stride: NDArray[np.float64]
    depth_depth: NDArray[np.float64]
    seconds_speed: NDArray[np.float64]
    speeds: NDArray[np.float64]


def from_people(
    tracks: list[PersonTrack], time_s: NDArray[np.float64], centre: NDArray[np.float64], guess_px: float
) -> FocalEvidence | None:
    """Estimate the focal length of a shot.

    Args:
        tracks: the shot's people.
        time_s: `[T]`, time of each clip frame.
        centre: `[2]`, principal point, pixels.
        guess_px: where to start.

    Returns:
        None where nobody moves in depth at all.
    """
    focal = guess_px
    evidence = None
    for _ in range(8):
        steps = [s for track in tracks if (s := _steps(track, time_s, centre, focal)) is not None]
        if not steps:
            return None
        stride = np.concatenate([s.depth_stride for s in steps])
        depth = np.concatenate([s.depth_depth for s in steps])
        walked = float(sum(s.seconds_speed.sum() for s in steps))
        if len(stride) < 4 or depth.sum() <= 0 or stride.sum() >= 0:
            return None
        ratio = -stride.sum() / depth.sum()
        left_out = -(stride.sum() - stride) / np.maximum(depth.sum() - depth, 1e-12)
        logs = np.log(np.maximum(left_out, 1e-3) / ratio)
        spread = float(np.sqrt((len(logs) - 1) / len(logs) * ((logs - logs.mean()) ** 2).sum()))
        strides, both, depths = np.concatenate([s.speeds for s in steps]).sum(0)
        agreement = float(both**2 / max(strides * depths, 1e-12))
        evidence = FocalEvidence(focal * ratio, spread, walked, agreement)
        if abs(np.log(ratio)) < 0.005:
            break
        focal *= float(np.clip(ratio, 0.7, 1.4))
    return evidence


def combined(evidence: FocalEvidence, fallback_px: float) -> float:
    """Focal length that weighs the evidence against what cameras usually have (log-normal about the fallback)."""
    own = 1 / (evidence.spread**2 + LANDMARK_SIGMA**2)
    usual = 1 / PRIOR_SIGMA**2
    return float(np.exp((own * np.log(evidence.focal_px) + usual * np.log(fallback_px)) / (own + usual)))


def _steps(track: PersonTrack, time_s: NDArray[np.float64], centre: NDArray[np.float64], focal: float) -> _Steps | None:
    seen = np.flatnonzero(track.seen)
    if len(seen) < 8:
        return None
    time = time_s[track.frames[seen]]
    pelvis, feet = place(
        track.keypoints[seen].astype(np.float64),
        track.keypoints_world[seen].astype(np.float64),
        track.visibility[seen].astype(np.float64),
        centre,
        focal,
    )
    calm = smooth(time, pelvis[:, 2], _PERIOD_S)
    # The walk's own speed hardly changes within a second: an instrument that jitter in depth cannot bias.
    instrument = np.gradient(smooth(time, pelvis[:, 2], 4 * _PERIOD_S), time)
    depth_speed = np.gradient(calm, time)
    stride = np.gradient(smooth(time, feet, _PERIOD_S), time, axis=0)
    across = np.gradient(smooth(time, pelvis, _PERIOD_S), time, axis=0)
    moving = np.linalg.norm(stride + across[:, None], axis=-1)
    share = moving[:, ::-1] ** 2 / np.maximum((moving**2).sum(1, keepdims=True), 1e-9)
    # Both feet at once says nothing: only frames in which one clearly stands while the other moves.
    weight = np.where(share > 0.7, share, 0.0) * frame_seconds(time)[:, None]
    weight[np.insert(np.diff(time) > 0.2, 0, False)] = 0
    block = ((time - time[0]) // _BLOCK_S).astype(int)
    sums = [
        np.bincount(block, (weight * values).sum(1))
        for values in (
            instrument[:, None] * stride[..., 2],
            instrument[:, None] * depth_speed[:, None],
            np.abs(instrument)[:, None],
            stride[..., 2] ** 2,
            stride[..., 2] * depth_speed[:, None],
            depth_speed[:, None] ** 2,
        )
    ]
    used = np.bincount(block, weight.sum(1)) > 0
    return _Steps(*(values[used] for values in sums[:3]), np.stack(sums[3:], axis=1)[used])


def place(
    keypoints: NDArray[np.float64],
    world: NDArray[np.float64],
    visibility: NDArray[np.float64],
    centre: NDArray[np.float64],
    focal: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put world landmarks where they project onto the image landmarks; linear least squares in each frame.

    Args:
        keypoints: `[N,33,2]`, pixels.
        world: `[N,33,3]`, metres, in the view that looks at the person.
        visibility: `[N,33]`.
        centre: `[2]`, pixels.
        focal: pixels.

    Returns:
        origin of the world landmarks `[N,3]`, metres, camera axes, and both feet relative to it `[N,2,3]`.
    """
    body = list(BODY)
    rays = (keypoints - centre) / focal
    view = _looking_at(rays[:, body].mean(1))
    turned = np.einsum("nij,npj->npi", view, world)
    x, r = turned[:, body], rays[:, body]
    w = np.clip(visibility[:, body], 0.05, 1)
    # (x + t)_xy = r (x + t)_z: two equations a landmark, linear in t.
    right = r * x[..., 2:] - x[..., :2]
    normal = np.zeros((len(x), 3, 3))
    normal[:, 0, 0] = normal[:, 1, 1] = w.sum(1)
    normal[:, :2, 2] = normal[:, 2, :2] = -(w[..., None] * r).sum(1)
    normal[:, 2, 2] = (w * (r**2).sum(-1)).sum(1)
    target = np.empty((len(x), 3))
    target[:, :2] = (w[..., None] * right).sum(1)
    target[:, 2] = -(w * (r * right).sum(-1)).sum(1)
    origin = np.linalg.solve(normal, target[..., None])[..., 0]
    feet = np.stack([turned[:, list(pair)].mean(1) for pair in FEET], axis=1)
    return origin, feet


def _looking_at(ray: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations `[N,3,3]` from the view along rays `(x/z, y/z) [N,2]`, without roll, to the camera."""
    forward = np.concatenate([ray, np.ones((len(ray), 1))], axis=1)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.stack([right, np.cross(forward, right), forward], axis=2)
