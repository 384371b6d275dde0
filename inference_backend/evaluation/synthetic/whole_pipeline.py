"""The stages after the estimator on synthetic clips: the product's own graph, which is handed a made track instead of
a video.
"""

import json
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ...body.body import Body
from ...geometry.feet import find_soles
from ...geometry.forward_kinematics import pose_joints
from ...pipeline.cache import StageCache
from ...pipeline.identity import file_sha256
from ...pipeline.progress import JobProgress
from ...pipeline.recover import Job, recover
from ...pipeline.settings import RecoverSettings
from ...pipeline.stages import Stages
from ...protocol.result_format import Result, load_result
from ...protocol.skeleton import BODY_JOINTS
from ...records.camera import Camera
from ...records.people import PersonTrack
from ...records.video import Shots, Video
from ..protocols import Pair, moro, wham
from .clips import FPS, SyntheticClip
from .compare import truth_of

COLUMNS: Final = ("MPJPE", "PA-MPJPE", "GMPJPE", "W-MPJPE-rigid", "WA-MPJPE-rigid", "RTE", "Accel", "G-Accel", "Jitter",
                  "Sliding")  # fmt: skip


def clip_sources(mocap: Path, split: str) -> dict[str, str]:
    """Checksums by name of what clips are made of: a split's motion packs, and the files that make clips from them."""
    makers = [Path(__file__).with_name(name) for name in ("clips.py", "corruption.py")]
    return {path.name: file_sha256(path) for path in (*sorted(mocap.glob(f"cmu_*_{split}.npz")), *makers)}


class SyntheticStages(Stages):
    """The product's stages, of which those that look at pictures know what there is to be seen."""

    def __init__(self, clip: SyntheticClip) -> None:
        self._clip = clip

    def probe(self, *_given: Any) -> Video:
        """The clip's times."""
        return self._clip.video

    def find_shots(self, video: Video, *_given: Any) -> Shots:
        """One shot."""
        return Shots(np.zeros(len(video), np.int64), np.zeros(len(video), bool))

    def find_people(self, *_given: Any) -> list[PersonTrack]:
        """The clip's person."""
        return [self._clip.track]

    def follow_background(self, *_given: Any) -> None:
        """There is none."""

    def estimate_camera(self, *_given: Any) -> Camera:
        """The clip's intrinsics."""
        return self._clip.camera


def recover_synthetic(
    clip: SyntheticClip, recipe: dict[str, Any], settings: RecoverSettings, folder: Path, cache: StageCache
) -> Result:
    """Run the graph on a synthetic clip.

    Args:
        clip: the clip.
        recipe: JSON-able, all that the clip depends on; the cache knows it by this.
        settings: of the whole pipeline.
        folder: for a file that stands for the video.
        cache: of the stages.
    """
    stand_in = folder / f"{clip.name.replace('/', '_')}.synthetic"
    text = json.dumps(recipe, sort_keys=True)
    if not stand_in.is_file() or stand_in.read_text(encoding="utf-8") != text:
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text(text, encoding="utf-8")
    still = replace(settings, camera=replace(settings.camera, motion="static"))
    progress, stages = JobProgress(clip.name, lambda _message: None), SyntheticStages(clip)
    with tempfile.TemporaryDirectory() as out:
        job = Job(stand_in, Path(out), still, device="cpu")
        return load_result(recover(job, cache, progress, threading.Event(), lambda _note: None, stages).result)


def pair_of_result(clip: SyntheticClip, result: Result, body: Body, *, raw: bool = False) -> Pair:
    """The result's person beside the clip's truth, in its camera's axes and in either world.

    Args:
        clip: the clip.
        result: of that clip, one person.
        body: the body.
        raw: the motion before contacts and foot lock.
    """
    person = result.people[0]
    motion = person.raw if raw else person.motion
    N = len(result)
    rest = body.rest_joints(torch.from_numpy(person.betas).float())[:22].double().numpy()
    turned = Rotation.from_rotvec(
        np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1).reshape(-1, 3)
    ).as_matrix()
    turned = turned.reshape(N, 22, 3, 3)
    joints, rotations = pose_joints(rest, turned[:, 0], turned[:, 1:], motion.transl)
    feet = find_soles(body, person.betas).heels_and_toes(joints, rotations)
    truth = truth_of(clip, body)
    absent = ~person.valid
    in_camera = np.einsum("tji,tkj->tki", result.R_cam_to_world, joints - result.cam_pos_world[:, None])
    for array in (in_camera, joints, feet):
        array[absent] = np.nan
    return Pair(
        name=clip.name,
        fps=FPS,
        joint_names=BODY_JOINTS,
        pred_camera=in_camera,
        ref_camera=truth.joints,
        pred_world=joints,
        ref_world=truth.joints @ truth.world.T,
        visible=truth.shown,
        pred_feet=feet,
        ref_feet=truth.feet @ truth.world.T,
    )


def score(pairs: list[Pair]) -> dict[str, float]:
    """Figures of all clips together: MoRo's, and W- and WA-MPJPE in the world."""
    world = wham(pairs)
    return moro(pairs) | {name: world[name] for name in ("W-MPJPE-rigid", "WA-MPJPE-rigid")}
