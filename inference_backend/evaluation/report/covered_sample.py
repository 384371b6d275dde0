"""The sample clip with things laid over the person: a real landmarker misled, and the truth still exact.

Simulated landmarks are only as misleading as their maker thought of. Here the landmarker itself decides what it makes
of a body whose legs it does not see.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ...geometry.feet import ANKLES, HIPS
from ...pipeline.cache import StageCache
from ...pipeline.identity import file_sha256
from .clip_scores import recover_video
from .sample_scores import joints_of, landmarks_on, score_joints
from .store import Unit
from .ways import SCORING, Way

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Cover = Callable[[Array, Array, int], Mask]
"""Which places `[P,2]` (pixels) it covers, bool `[P]`, of somebody with joints at `[T,22,2]`, in a frame."""
_VERSION: Final = 1
"""Rises when covers change."""


def _down_the_legs(joints: Array, share: float) -> float:
    """Height in the image at a share of the way from hips to ankles."""
    hips, ankles = joints[..., HIPS, 1].mean(), joints[..., ANKLES, 1].mean()
    return float(hips + share * (ankles - hips))


def _wall(share: float) -> Cover:
    """Stands still over the whole width, but for the clip's first and last moments."""

    def covers(places: Array, joints: Array, frame: int) -> Mask:
        there = 0.1 <= frame / len(joints) < 0.9
        return there & (places[:, 1] > _down_the_legs(joints, share))

    return covers


def _box(places: Array, joints: Array, frame: int) -> Mask:
    """Goes with the legs through the middle third of the clip."""
    there = 1 / 3 <= frame / len(joints) < 2 / 3
    beside = np.abs(places[:, 0] - joints[frame, 0, 0]) < 200
    return there & beside & (places[:, 1] > _down_the_legs(joints[frame], 0.05))


def _bar(places: Array, joints: Array, frame: int) -> Mask:
    """Sweeps across the person again and again."""
    middle = joints[frame, 0, 0] + 400 * (frame % 70 / 70 - 0.5)
    return np.abs(places[:, 0] - middle) < 45


COVERS: Final[dict[str, Cover]] = {
    "wall to the hips": _wall(0.08),
    "wall to the knees": _wall(0.4),
    "box before the legs": _box,
    "sweeping bar": _bar,
}


def _joints_2d(sample: Path) -> Array:
    with np.load(sample.with_name("reference.npz"), allow_pickle=False) as file:
        return file["joints_2d"].astype(np.float64)


def covered_joints(sample: Path, cover: str) -> Mask:
    """Bool `[T,22]`: the joint lies behind the cover."""
    joints = _joints_2d(sample)
    return np.stack([COVERS[cover](joints[frame], joints, frame) for frame in range(len(joints))])


def covered_video(sample: Path, cover: str, folder: Path) -> Path:
    """The sample with a cover of `COVERS`, made once in a folder; `reference.npz` lies beside the sample."""
    out = folder / f"{cover.replace(' ', '_')}_{_VERSION}.mp4"
    if out.is_file():
        return out
    folder.mkdir(parents=True, exist_ok=True)
    joints = _joints_2d(sample)
    source, part = cv2.VideoCapture(str(sample)), out.with_name("part_" + out.name)
    size = tuple(int(source.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    target = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), source.get(cv2.CAP_PROP_FPS), size)
    pixels = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), -1).reshape(-1, 2).astype(np.float64)
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 56, size[::-1]), (0, 0), 3)
    texture = np.clip(np.array([60, 90, 130]) + grain[..., None], 0, 255).astype(np.uint8)
    for frame in range(len(joints)):
        _, picture = source.read()
        there = COVERS[cover](pixels, joints, frame).reshape(size[::-1])
        picture[there] = texture[there]
        target.write(picture)
    source.release()
    target.release()
    part.replace(out)
    return out


def covered_unit(way: Way | None, cover: str, sample: Path, folder: Path, cache: StageCache) -> Unit:
    """Figures of the covered sample for a way, or for MediaPipe's own landmarks where there is none; `folder` keeps the
    clip."""
    reference = sample.with_name("reference.npz")

    def work() -> dict[str, Any]:
        video = covered_video(sample, cover, folder)
        if way is None:
            camera = world = landmarks_on(video, reference)
        else:
            camera, world = joints_of(recover_video(video, way.settings, cache), raw=False)
        return {"cleaned": score_joints(camera, world, reference, covered_joints(sample, cover))}

    recipe: dict[str, Any] = {"scoring": SCORING} if way is None else way.recipe()
    recipe |= {"cover": [cover, _VERSION], "files": [file_sha256(sample), file_sha256(reference)]}
    return Unit("covered", f"{'MediaPipe' if way is None else way.name}: {cover}", recipe, work)
