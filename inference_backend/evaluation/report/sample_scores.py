"""Scores of the rendered sample clip, whose truth is exact; nothing of the clip is told to the pipeline."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...geometry.feet import HIPS
from ...pipeline.cache import StageCache
from ...pipeline.identity import file_sha256
from ...protocol.result_format import Result
from ...protocol.skeleton import BODY_JOINTS
from ..protocols import Pair, score_clip
from .clip_scores import recover_video
from .mediapipe import mediapipe_joints
from .store import Unit
from .ways import SCORING, Way

Array = NDArray[np.float64]


def score_joints(
    camera: Array, world: Array, reference: Path, covered: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """Figures of joints `[T,22,3]` in the camera's frame and in the world.

    Joints that are `covered` (bool `[T,22]`) count as hidden, though the reference has them visible.
    """
    with np.load(reference, allow_pickle=False) as file:
        seen, truth = (file[key].astype(np.float64) for key in ("joints_camera", "joints_world"))
        visible, fps = file["visible"], float(file["fps"])
    if covered is not None:
        visible = visible & ~covered
    pair = Pair(
        name="sample",
        fps=fps,
        joint_names=BODY_JOINTS,
        pred_camera=_about_hips(camera),
        ref_camera=_about_hips(seen),
        pred_world=world,
        ref_world=truth,
        visible=visible,
    )
    return score_clip(pair)


def _about_hips(joints: Array) -> Array:
    """The pelvis put between the hips, where every method has its root."""
    out = joints.copy()
    out[:, 0] = joints[:, HIPS].mean(axis=1)
    return out


def joints_of(result: Result, *, raw: bool) -> tuple[Array, Array]:
    """Joints `[T,22,3]` in the camera's frame and in the world, of the person who is seen longest."""
    person = max(result.people, key=lambda one: one.valid.sum())
    world = (person.raw if raw else person.motion).joints_world.astype(np.float64)
    world[~person.valid] = np.nan
    return np.einsum("tji,tkj->tki", result.R_cam_to_world, world - result.cam_pos_world[:, None]), world


def sample_unit(way: Way, video: Path, cache: StageCache) -> Unit:
    """The sample's figures for one way, before (`raw`) and after (`cleaned`) contacts and foot lock."""
    reference = video.with_name("reference.npz")

    def work() -> dict[str, Any]:
        result = recover_video(video, way.settings, cache)
        return {name: score_joints(*joints_of(result, raw=name == "raw"), reference) for name in ("raw", "cleaned")}

    recipe = way.recipe() | {"files": [file_sha256(video), file_sha256(reference)]}
    return Unit("sample", way.name, recipe, work)


def landmarks_on(video: Path, reference: Path) -> Array:
    """MediaPipe's own joints `[T,22,3]` on the sample or a copy of it, with the reference's camera."""
    with np.load(reference, allow_pickle=False) as file:
        return mediapipe_joints(video, file["K"].astype(np.float64), file["dist"].astype(np.float64))


def mediapipe_unit(video: Path) -> Unit:
    """MediaPipe's own landmarks on the sample, with the true camera."""
    reference = video.with_name("reference.npz")

    def work() -> dict[str, Any]:
        joints = landmarks_on(video, reference)
        return {"cleaned": score_joints(joints, joints, reference)}

    recipe = {"scoring": SCORING, "files": [file_sha256(video), file_sha256(reference)]}
    return Unit("sample", "MediaPipe", recipe, work)
