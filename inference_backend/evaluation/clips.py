"""Recover and score every reference clip of a folder: `python -m inference_backend.evaluation.clips --clips DIR
--out DIR`.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..pipeline.cache import StageCache
from ..pipeline.progress import JobProgress
from ..pipeline.recover import Job, recover
from ..pipeline.settings import RecoverSettings
from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.result_format import Result, load_result
from ..stages.camera.settings import CameraSettings
from ..stages.estimate.registry import ESTIMATORS
from .reference_clips import ReferenceClip, by_reference_name, load_clip, nearest_person, score
from .tables import named_rows

COLUMNS = ("PA-MPJPE", "MPJPE", "PA-vis", "PA-occ", "Abs-MPJPE", "W-MPJPE", "WA-MPJPE", "RTE-mm", "Accel", "G-Accel",
           "Jitter", "Jitter-ref", "FS", "coverage")  # fmt: skip
Array = NDArray[np.float64]


def joints_of(result: Result, raw: bool) -> list[Array]:
    """Each person's joints `[T,22,3]` in the camera's frame, NaN where not valid."""
    people = []
    for person in result.people:
        joints = person.joints_camera.astype(np.float64)
        if raw:
            relative = person.raw.joints_world - result.cam_pos_world[:, None]
            joints = np.einsum("tji,tkj->tki", result.R_cam_to_world, relative)
        joints[~person.valid] = np.nan
        people.append(joints)
    return people


def recover_clip(
    clip: ReferenceClip, estimator: str, given_camera: bool, out: Path, cache: StageCache
) -> tuple[Result, float]:
    """Recover a clip with its own camera, or with an estimated one; returns the result and seconds taken."""
    camera = CameraSettings(K=tuple(map(tuple, clip.K.tolist())), dist=tuple(clip.dist.tolist()))
    settings = RecoverSettings(estimator=estimator, camera=camera if given_camera else CameraSettings())
    job = Job(clip.video, out / clip.name, settings)
    began = time.perf_counter()
    done = recover(job, cache, JobProgress(clip.name, lambda _: None), threading.Event(), lambda _: None)
    return load_result(done.result), time.perf_counter() - began


def score_result(result: Result, clip: ReferenceClip, *, raw: bool = False) -> dict[str, float]:
    """Score a result's person who is meant; `raw` for the motion before contacts and foot lock."""
    if len(result) != len(clip.joints_cam):
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{clip.name} has {len(result)} frames, but its reference has {len(clip.joints_cam)}.",
            "Use the clip that the reference was made for.",
        )
    people = [by_reference_name(joints, clip.names) for joints in joints_of(result, raw)]
    return score(people[nearest_person(people, clip)], clip)


def mean_of(rows: list[dict[str, float]], columns: Sequence[str] = COLUMNS) -> dict[str, float]:
    """Mean of each column over clips, NaN left out."""
    out = {}
    for column in columns:
        values = [row[column] for row in rows if np.isfinite(row.get(column, np.nan))]
        out[column] = float(np.mean(values)) if values else float("nan")
    return out


def groups(names: Iterable[str]) -> dict[str, list[str]]:
    """Clean and occluded clips; those with a second person stand alone."""
    names = list(names)
    alone = [name for name in names if "_two_" in name]
    rest = [name for name in names if name not in alone]
    return {
        "clean": [name for name in rest if "__" not in name],
        "occluded": [name for name in rest if "__" in name],
        "two people": alone,
    }


def _with_means(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Rows of clips, and means over clean and over occluded ones."""
    kinds = groups(rows)
    return rows | {f"mean, {kind}": mean_of([rows[name] for name in kinds[kind]]) for kind in ("clean", "occluded")}


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m inference_backend.evaluation.clips", description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="folder with X.mp4 and X.npz")
    parser.add_argument("--estimator", choices=sorted(ESTIMATORS), default="kinematic")
    parser.add_argument("--camera", choices=("given", "estimated"), default="given")
    parser.add_argument("--out", type=Path, required=True, help="results, scores.json and the cache go here")
    parser.add_argument("--only", nargs="*", default=[], help="names of clips; all by default")
    arguments = parser.parse_args(argv)
    try:
        paths = sorted(arguments.clips.glob("*.npz"))
        clips = [load_clip(path) for path in paths if not arguments.only or path.stem in arguments.only]
        if not clips:
            raise RecoverError(ErrorCode.BAD_INPUT, f"{arguments.clips} has no clips.", "Name a folder of clips.")
        cache = StageCache(arguments.out / "cache")
        cleaned, raw = {}, {}
        for clip in clips:
            result, seconds = recover_clip(clip, arguments.estimator, arguments.camera == "given", arguments.out, cache)
            cleaned[clip.name] = score_result(result, clip)
            raw[clip.name] = score_result(result, clip, raw=True)
            print(
                f"{clip.name}: {seconds:.1f} s, PA-MPJPE {cleaned[clip.name].get('PA-MPJPE', np.nan):.1f} mm",
                flush=True,
            )
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    cleaned, raw = _with_means(cleaned), _with_means(raw)
    told = f"{arguments.estimator}, camera {arguments.camera}, whole pipeline"
    print(f"\n{told}\n\n{named_rows('clip', COLUMNS, cleaned)}")
    print(f"\nbefore contacts and foot lock\n\n{named_rows('clip', COLUMNS, raw)}")
    scores = {"estimator": arguments.estimator, "camera": arguments.camera, "clean-up": cleaned, "raw": raw}
    (arguments.out / "scores.json").write_text(json.dumps(scores, indent=1, default=float), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
