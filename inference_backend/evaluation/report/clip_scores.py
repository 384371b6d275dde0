"""Scores of the reference clips: every way, with the camera given and estimated, before and after clean-up."""

import tempfile
import threading
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...pipeline.cache import StageCache
from ...pipeline.identity import file_sha256
from ...pipeline.progress import JobProgress
from ...pipeline.recover import Job, recover
from ...pipeline.settings import RecoverSettings
from ...protocol.result_format import Result, load_result
from ...stages.camera.settings import CameraSettings
from .. import metrics
from ..clips import joints_of, mean_of, score_result
from ..reference_clips import CORE, ReferenceClip, by_reference_name, load_clip, nearest_person
from .store import Figures, Store, Unit
from .ways import Way

CAMERAS: Final = ("given", "estimated")
MOMENT_S: Final = 0.5
COLUMNS: Final = ("PA-MPJPE", "MPJPE", "PA-vis", "PA-occ", "MPJPE-vis", "MPJPE-occ", "Abs-MPJPE", "W-MPJPE", "WA-MPJPE",
                  "RTE-mm", "Accel", "G-Accel", "Jitter", "FS")  # fmt: skip
Array = NDArray[np.float64]


def find_clips(folder: Path) -> list[ReferenceClip]:
    """The clips of a folder that have a reference, by name."""
    return [load_clip(path) for path in sorted(folder.glob("*.npz"))]


def recover_video(video: Path, settings: RecoverSettings, cache: StageCache) -> Result:
    """Recover a clip; stages that ran before come from the cache, and the result file is not kept."""
    progress = JobProgress(video.stem, lambda _message: None)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(video, Path(folder), settings, device="cpu")
        return load_result(recover(job, cache, progress, threading.Event(), lambda _note: None).result)


def recover_clip(way: Way, clip: ReferenceClip, camera: str, cache: StageCache) -> Result:
    """Recover a clip with its own camera (`given`), or with an `estimated` one."""
    own = CameraSettings(K=tuple(map(tuple, clip.K.tolist())), dist=tuple(clip.dist.tolist()))
    settings = replace(way.settings, camera=own) if camera == "given" else way.settings
    return recover_video(clip.video, settings, cache)


def person_of(result: Result, clip: ReferenceClip, *, raw: bool = False) -> tuple[int, Array]:
    """The person who is meant: their place in the result, and joints `[T,J,3]` in the order of `clip.names`."""
    people = [by_reference_name(joints, clip.names) for joints in joints_of(result, raw)]
    nearest = nearest_person(people, clip)
    return nearest, people[nearest]


def moments(joints: Array, clip: ReferenceClip) -> list[dict[str, float]]:
    """MPJPE and PA-MPJPE of each half second, in millimetres."""
    core = [clip.names.index(name) for name in CORE]
    P, G, pelvis = joints[:, core], clip.joints_cam[:, core], clip.names.index("pelvis")
    mask = clip.valid[:, core] & np.isfinite(P).all(axis=-1) & np.isfinite(G).all(axis=-1)
    plain = metrics.root_aligned_errors(P, G, mask, joints[:, pelvis], clip.joints_cam[:, pelvis])
    fitted = metrics.procrustes_errors(P, G, mask)
    step = max(1, round(MOMENT_S * clip.fps))
    return [
        {
            "from_s": start / clip.fps,
            "to_s": min(start + step, len(P)) / clip.fps,
            "MPJPE": metrics.mean_error(plain[start : start + step]),
            "PA-MPJPE": metrics.mean_error(fitted[start : start + step]),
        }
        for start in range(0, max(len(P) - step // 2, 1), step)
    ]


def turned_mpjpe(joints: Array, clip: ReferenceClip) -> float:
    """MPJPE after the one rotation that fits the whole clip best: how methods are scored that give no camera."""
    core, pelvis = [clip.names.index(name) for name in CORE], clip.names.index("pelvis")
    P, G = joints[:, core], clip.joints_cam[:, core]
    mask = clip.valid[:, core] & np.isfinite(P).all(axis=-1) & np.isfinite(G).all(axis=-1)
    fit = metrics.wa_align(P, G, mask)
    return metrics.mpjpe(fit(P), G, mask, fit(joints[:, pelvis]), clip.joints_cam[:, pelvis])


def clip_unit(way: Way, clip: ReferenceClip, camera: str, cache: StageCache) -> Unit:
    """The scores of one clip recovered in one way.

    Args:
        way: how.
        clip: what.
        camera: `given` or `estimated`.
        cache: of the stages.
    """

    def work() -> dict[str, Any]:
        result = recover_clip(way, clip, camera, cache)
        _, joints = person_of(result, clip)
        cleaned = score_result(result, clip) | {"MPJPE-turned": turned_mpjpe(joints, clip)}
        raw = score_result(result, clip, raw=True)
        return {"cleaned": cleaned, "raw": raw, "moments": moments(joints, clip)}

    files = {path.name: _checksum(path) for path in (clip.video, clip.video.with_suffix(".npz"))}
    return Unit("clips", f"{way.name}, {camera}, {clip.name}", way.recipe() | {"camera": camera, "files": files}, work)


@lru_cache(maxsize=256)
def _checksum(path: Path) -> str:
    return file_sha256(path)


def gather(store: Store, way: Way, clips: list[ReferenceClip], camera: str, cache: StageCache) -> dict[str, Figures]:
    """What there is of a way, by clip."""
    found = {clip.name: store.get(clip_unit(way, clip, camera, cache)) for clip in clips}
    return {name: figures for name, figures in found.items() if figures is not None}


def means(rows: dict[str, dict[str, float]], names: list[str]) -> dict[str, float]:
    """Mean of every metric over some clips."""
    return mean_of([rows[name] for name in names if name in rows], (*COLUMNS, "Jitter-ref", "FS-ref", "coverage"))


def ratios(rows: dict[str, dict[str, float]], others: dict[str, dict[str, float]], names: list[str]) -> dict:
    """Mean over clips of each metric's ratio to another method's."""
    out = {}
    for column in COLUMNS:
        each = [
            rows[name][column] / others[name][column]
            for name in names
            if name in rows and np.isfinite(rows[name].get(column, np.nan)) and others.get(name, {}).get(column, 0) > 0
        ]
        out[column] = float(np.mean(each)) if each else float("nan")
    return out
