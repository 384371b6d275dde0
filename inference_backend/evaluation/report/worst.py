"""The worst moments: which, why, and what the body does beside the reference joints. No picture of a video is shown."""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...body.body import Body
from ...geometry.blazepose import INDEX
from ...pipeline.cache import StageCache
from ...protocol.result_format import Result
from ...records.people import PersonTrack
from .. import metrics
from ..reference_clips import CORE, ReferenceClip
from .clip_scores import person_of, recover_clip
from .store import Figures, Unit
from .ways import Way

Array = NDArray[np.float64]
COUNT: Final = 5
_SIDES: Final = {"l": "left", "r": "right"}
_TURNED_DEG: Final = 20.0
_FAR: Final = 0.12
"""Share of the body's height in the picture from which a landmark counts as misplaced."""


@dataclass(frozen=True)
class Moment:
    """Half a second of a clip, and its errors in millimetres."""

    clip: str
    from_s: float
    to_s: float
    mpjpe: float
    pa_mpjpe: float


class WatchedCache(StageCache):
    """Another cache's folder, which remembers what each stage gave last."""

    def __init__(self, other: StageCache) -> None:
        super().__init__(other.folder, other.limit_bytes)
        self.last: dict[str, Any] = {}

    def load(self, stage: str, key: str) -> Any:
        """See `StageCache.load`."""
        value = super().load(stage, key)
        if value is not None:
            self.last[stage] = value["value"]
        return value

    def save(self, stage: str, key: str, value: Any) -> bool:
        """See `StageCache.save`."""
        self.last[stage] = value["value"]
        return super().save(stage, key, value)


def worst_moments(scores: dict[str, Figures]) -> list[Moment]:
    """The worst half second of each clip, and of these the worst by PA-MPJPE.

    Args:
        scores: of one way, by clip.
    """
    found = []
    for name, figures in scores.items():
        rows = [row for row in figures.values["moments"] if np.isfinite(row["PA-MPJPE"])]
        if rows:
            row = max(rows, key=lambda entry: entry["PA-MPJPE"])
            found.append(Moment(name, row["from_s"], row["to_s"], row["MPJPE"], row["PA-MPJPE"]))
    return sorted(found, key=lambda moment: -moment.pa_mpjpe)[:COUNT]


def worst_unit(way: Way, clip: ReferenceClip, moment: Moment, cache: StageCache) -> Unit:
    """What is wrong in a moment, camera given."""

    def work() -> dict[str, Any]:
        watched = WatchedCache(cache)
        result = recover_clip(way, clip, "given", watched)
        return diagnose(result, clip, watched.last["people"], moment)

    recipe = way.recipe() | {"clip": clip.name, "moment": [moment.from_s, moment.to_s]}
    return Unit("worst", f"{way.name}, {clip.name}, {moment.from_s:.2f}", recipe, work)


def diagnose(result: Result, clip: ReferenceClip, tracks: list[PersonTrack], moment: Moment) -> dict[str, Any]:
    """Figures that tell why a moment is bad.

    Args:
        result: of the clip, camera given.
        clip: its reference.
        tracks: the people stage's.
        moment: which.

    Returns:
        Share of hidden joints; share of frames with landmarks; visibility reported for hidden joints, and how far
        landmarks are off in shares of the body's height, seen and hidden; degrees by which the whole body is turned;
        share of the error along the viewing ray; the worst joints; and the sentence that follows from them.
    """
    frames = np.arange(round(moment.from_s * clip.fps), round(moment.to_s * clip.fps))
    which, joints = person_of(result, clip)
    core, pelvis = [clip.names.index(name) for name in CORE], clip.names.index("pelvis")
    P = joints[frames][:, core] - joints[frames, pelvis][:, None]
    G = clip.joints_cam[frames][:, core] - clip.joints_cam[frames, pelvis][:, None]
    ok = clip.valid[frames][:, core] & np.isfinite(P).all(axis=-1) & np.isfinite(G).all(axis=-1)
    seen = clip.visible[frames][:, core]
    out = {"hidden": float(1 - seen[ok].mean()), **_landmarks(result, clip, tracks, which, frames, core, ok, seen)}
    turns = [metrics.align(P[t][ok[t]], G[t][ok[t]], scale=True).R for t in range(len(frames)) if ok[t].sum() >= 4]
    out["turned_deg"] = float(np.rad2deg(np.median([Rotation.from_matrix(R).magnitude() for R in turns])))
    error = np.where(ok[..., None], P - G, np.nan)
    ray = clip.joints_cam[frames, pelvis]
    ray = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
    along = np.nansum(np.einsum("tjk,tk->tj", error, ray) ** 2) / max(np.nansum(error**2), 1e-12)
    out["along_ray"] = float(along)
    mean = np.nanmean(np.linalg.norm(error, axis=-1), axis=0) * metrics.MM
    order = np.argsort(-np.nan_to_num(mean))[:3]
    out["joints"] = [f"{_spoken(CORE[i])} {mean[i]:.0f} mm" for i in order]
    return out | {"reason": _reason(out)}


def _spoken(name: str) -> str:
    side, part = name.split("_")
    return f"{_SIDES[side]} {part}"


def _landmarks(
    result: Result,
    clip: ReferenceClip,
    tracks: list[PersonTrack],
    which: int,
    frames: NDArray,
    core: list[int],
    ok: NDArray,
    seen: NDArray,
) -> dict[str, float]:
    track = next(track for track in tracks if track.person_id == result.people[which].person_id)
    row_of = {int(frame): row for row, frame in enumerate(track.frames)}
    rows = np.array([row_of.get(int(frame), -1) for frame in frames])
    there = (rows >= 0) & track.seen[rows]
    columns = [INDEX[_spoken(name).replace(" ", "_")] for name in CORE]
    marks, sure = track.keypoints[rows][:, columns], track.visibility[rows][:, columns]
    true = clip.joints_2d[frames]
    height = np.nanmedian(np.nanmax(true[..., 1], axis=1) - np.nanmin(true[..., 1], axis=1))
    width = np.nanmedian(np.nanmax(true[..., 0], axis=1) - np.nanmin(true[..., 0], axis=1))
    off = np.linalg.norm(marks - true[:, core], axis=-1) / max(height, width)

    def median(values: NDArray, where: NDArray) -> float:
        chosen = values[where & there[:, None] & ok]
        return float(np.nanmedian(chosen)) if chosen.size else float("nan")

    return {
        "found": float(there.mean()),
        "off_seen": median(off, seen),
        "off_hidden": median(off, ~seen),
        "visibility_hidden": median(sure, ~seen),
    }


def _reason(found: dict[str, Any]) -> str:
    """The causes that the figures show, worst first, as a sentence."""
    causes = []
    if found["found"] < 0.8:
        causes.append(f"landmarks are found in {100 * found['found']:.0f} % of the frames")
    if found["hidden"] > 0.05 and found["off_hidden"] > _FAR:
        causes.append(
            f"{100 * found['hidden']:.0f} % of the joints are hidden, and the landmarker puts them "
            f"{100 * found['off_hidden']:.0f} % of the body's height off with a visibility of "
            f"{found['visibility_hidden']:.2f}"
        )
    elif found["hidden"] > 0.05:
        causes.append(f"{100 * found['hidden']:.0f} % of the joints are hidden")
    if found["off_seen"] > _FAR / 2:
        causes.append(f"landmarks of visible joints are {100 * found['off_seen']:.0f} % of the body's height off")
    if found["turned_deg"] > _TURNED_DEG:
        causes.append(f"the whole body is turned by {found['turned_deg']:.0f} degrees")
    if found["along_ray"] > 0.6:
        causes.append(f"{100 * found['along_ray']:.0f} % of the squared error lie along the viewing ray")
    return "; ".join(causes) if causes else "no single cause: limbs bent wrongly by visible but noisy landmarks"


def posed_mesh(result: Result, which: int, row: int, body: Body) -> Array:
    """Vertices `[V,3]` of a person at a frame, in the camera's axes, metres."""
    person = result.people[which]
    turned = Rotation.from_rotvec(
        np.concatenate([person.motion.global_orient[row][None], person.motion.body_pose[row]])
    ).as_matrix()
    betas, rotations, place = (torch.from_numpy(x).float() for x in (person.betas, turned, person.motion.transl[row]))
    with torch.no_grad():
        vertices = body(betas, rotations[0], rotations[1:], place).vertices.double().numpy()
    return (vertices - result.cam_pos_world[row]) @ result.R_cam_to_world[row]


def project(points: Array, clip: ReferenceClip) -> Array:
    """Pixels `[N,2]` of points in the camera's axes."""
    return cv2.projectPoints(points, np.zeros(3), np.zeros(3), clip.K, clip.dist)[0][:, 0]
