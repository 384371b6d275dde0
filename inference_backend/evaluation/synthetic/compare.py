"""Score estimators on synthetic clips: `python -m inference_backend.evaluation.synthetic.compare --mocap FOLDER`.

Motion capture of held-back subjects on the open body, virtual cameras, corrupted landmarks; half of the clips with
occlusion. Scored by MoRo's protocol in the camera's frame and on the fly, without the stages that come after.
"""

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ...body.body import Body
from ...geometry.blazepose import INDEX
from ...geometry.feet import find_soles
from ...geometry.forward_kinematics import pose_joints
from ...protocol.errors import ErrorCode, RecoverError
from ...protocol.skeleton import BODY_JOINTS
from ...records.context import StageContext
from ...records.motion import PoseEstimate
from ...stages.estimate.kinematic.landmarks import figure_of
from ...stages.estimate.kinematic.settings import KinematicSettings
from ...stages.estimate.moro.settings import MoroSettings
from ...stages.estimate.registry import find_estimator
from ...stages.estimate.rope.settings import RopeSettings
from ...stages.estimate.rope_moro.settings import LinkSettings, RopeMoroSettings
from ...training.counts import count
from ...training.mocap import MocapClip, read_split
from ..protocols import Pair, moro
from ..tables import named_rows
from .clips import FPS, SyntheticClip, choose_motions, make_clip
from .corruption import Corruption

OCCLUDED: Final = Corruption(events="all", missing=0.03, failures=0.15)
COLUMNS: Final = ("MPJPE", "MPJPE-vis", "MPJPE-occ", "PA-MPJPE", "PVE", "GMPJPE", "RTE", "Accel", "G-Accel", "Jitter",
                   "Sliding")  # fmt: skip
_ESTIMATORS: Final = ("kinematic", "moro", "rope", "rope+moro")
_VERTEX_STEP: Final = 20
# The landmark whose hiding hides a joint.
_SHOWN_BY: Final = {"foot": "foot_index", "collar": "shoulder"}
Array = NDArray[np.float64]


def _shown(hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the 22 joints are seen `[N,22]`, from hidden landmarks `[N,33]`; trunk and head go by the shoulders."""
    columns = []
    for name in BODY_JOINTS:
        side, _, part = name.partition("_")
        landmark = f"{side}_{_SHOWN_BY.get(part, part)}"
        columns.append([INDEX[landmark]] if landmark in INDEX else [INDEX["left_shoulder"], INDEX["right_shoulder"]])
    return np.stack([~hidden[:, column].all(axis=1) for column in columns], axis=1)


def held_back_motions(mocap: Path, split: str, count: int, frames: int) -> list[MocapClip]:
    """Motions of a split's subjects, the same each time.

    Args:
        mocap: folder with the motion packs.
        split: `val` or `test`.
        count: how many.
        frames: that each has at least, 30 a second.

    Raises:
        RecoverError: the folder has no such packs, or none of their motions is that long.
    """
    motions = list(read_split(mocap, split))
    if not any(len(motion.midhip) >= frames and not motion.uneven for motion in motions):
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"No motion of the {split} subjects in {mocap} has {frames} frames on the floor.",
            "Ask for fewer frames.",
        )
    return choose_motions(motions, count, frames=frames)


def make_clips(mocap: Path, split: str, count: int, frames: int, body: Body) -> list[tuple[str, SyntheticClip]]:
    """Clips by kind (`clear`, `occluded`), the same each time.

    Raises:
        RecoverError: see `held_back_motions`.
    """
    figure = figure_of(body)
    motions = held_back_motions(mocap, split, count, frames)
    return [
        (kind, make_clip(motion, figure, frames=frames, seed=i, corruption=corruption))
        for kind, corruption in (("clear", Corruption()), ("occluded", OCCLUDED))
        for i, motion in enumerate(motions)
    ]


def _to_world(clip: SyntheticClip) -> Array:
    """Rotation `[3,3]` from the camera to axes with y up."""
    up = clip.up / np.linalg.norm(clip.up)
    right = np.cross(up, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, up, np.cross(right, up)])


def _vertices(body: Body, betas: Array, rotations: Array, pelvis: Array) -> Array:
    """Every twentieth vertex `[N,V,3]` of a motion in the camera's frame."""
    surface = body.subset(range(0, len(body.v_template), _VERTEX_STEP))
    shape, turned, place = (torch.from_numpy(x).float() for x in (betas, rotations, pelvis))
    with torch.no_grad():
        rest = body.rest_joints(shape)[0]
        joints, world = body.skeleton(shape, turned[:, 0], turned[:, 1:], place - rest)
        return surface(shape, joints, world).double().numpy()


@dataclass(frozen=True)
class Truth:
    """What should be found.

    Attributes:
        joints: `[N,22,3]`, camera's frame, metres.
        feet: `[N,4,3]`, heel and toe of either foot, camera's frame.
        shown: bool `[N,22]`, the joint is not hidden.
        world: `[3,3]`, from the camera to axes with y up.
    """

    joints: Array
    feet: Array
    shown: NDArray[np.bool_]
    world: Array


def truth_of(clip: SyntheticClip, body: Body) -> Truth:
    """A clip's true joints and soles."""
    rest = body.rest_joints(torch.from_numpy(clip.betas).float())[:22].double().numpy()
    joints, turned = pose_joints(rest, clip.rotations[:, 0], clip.rotations[:, 1:], clip.pelvis - rest[0])
    feet = find_soles(body, clip.betas).heels_and_toes(joints, turned)
    return Truth(joints, feet, _shown(clip.hidden), _to_world(clip))


def pair_of(clip: SyntheticClip, found: PoseEstimate, body: Body) -> Pair:
    """An estimate beside the clip's truth; frames that the estimator does not vouch for count as well."""
    rest = body.rest_joints(torch.from_numpy(found.betas).float())[:22].double().numpy()
    joints, turned = pose_joints(rest, found.global_orient, found.body_pose, found.transl)
    truth = truth_of(clip, body)
    feet = find_soles(body, found.betas).heels_and_toes(joints, turned)
    rotations = np.concatenate([found.global_orient[:, None], found.body_pose], axis=1)
    return Pair(
        name=clip.name,
        fps=FPS,
        joint_names=BODY_JOINTS,
        pred_camera=joints,
        ref_camera=truth.joints,
        pred_world=joints @ truth.world.T,
        ref_world=truth.joints @ truth.world.T,
        visible=truth.shown,
        pred_feet=feet @ truth.world.T,
        ref_feet=truth.feet @ truth.world.T,
        pred_vertices=_vertices(body, found.betas, rotations, found.transl + rest[0]),
        ref_vertices=_vertices(body, clip.betas, clip.rotations, clip.pelvis),
    )


def score_estimator(
    name: str, settings: Any, clips: list[tuple[str, SyntheticClip]], body: Body, device: str = "cpu"
) -> dict[str, dict[str, float]]:
    """Figures of an estimator by kind of clip.

    Args:
        name: of the estimator.
        settings: its own.
        clips: from `make_clips`.
        body: the body.
        device: to compute on.

    Raises:
        RecoverError: its weights are missing.
    """
    estimate = find_estimator(name).load()
    pairs: dict[str, list[Pair]] = {}
    for kind, clip in clips:
        found = estimate(clip.video, clip.track, clip.camera, body, settings, StageContext(device=device))
        pairs.setdefault(kind, []).append(pair_of(clip, found, body))
    return {kind: moro(group) for kind, group in pairs.items()}


def _ways(
    names: list[str], weights: Path | None, steps: list[int], rope_weights: Path | None = None
) -> dict[str, tuple[str, Any]]:
    """Name of a row -> estimator and settings."""
    ways: dict[str, tuple[str, Any]] = {}
    base = MoroSettings(weights=None if weights is None else str(weights), refine=False)
    alone = RopeSettings(weights=None if rope_weights is None else str(rope_weights), refine=False)
    for name in names:
        if name == "moro":
            ways |= {f"moro, T = {n}": (name, replace(base, steps=n)) for n in steps}
            ways["moro + refinement"] = (name, replace(base, refine=True))
        elif name == "rope":
            ways |= {name: (name, alone), "rope + refinement": (name, replace(alone, refine=True))}
        elif name == "rope+moro":
            for seeds, path in ((True, True), (True, False), (False, True), (False, False)):
                links = LinkSettings(seed_tokens=seeds, coarse_trajectory=path)
                label = " and ".join(["seed tokens"] * seeds + ["coarse trajectory"] * path) or "neither"
                ways[f"{name}, {label}"] = (name, RopeMoroSettings(alone, replace(base, refine=True), links))
        else:
            ways[name] = (name, KinematicSettings())
    return ways


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m inference_backend.evaluation.synthetic.compare", description=__doc__
    )
    parser.add_argument("--mocap", type=Path, required=True, help="folder with the motion packs")
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--estimators", nargs="*", choices=_ESTIMATORS, default=["kinematic", "moro"])
    parser.add_argument("--weights", type=Path, help="MoRo weights; the bundled ones by default")
    parser.add_argument("--rope-weights", type=Path, help="Rope weights; the bundled ones by default")
    parser.add_argument("--steps", type=count, nargs="*", default=[5], help="decoding steps, a row for each")
    parser.add_argument("--clips", type=count, default=20, help="motions; each is seen clear and occluded")
    parser.add_argument("--frames", type=count, default=120)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="also write the figures here, as JSON")
    arguments = parser.parse_args(argv)
    try:
        body = Body.load(None)
        clips = make_clips(arguments.mocap, arguments.split, arguments.clips, arguments.frames, body)
        rows: dict[str, dict[str, float]] = {}
        ways = _ways(arguments.estimators, arguments.weights, arguments.steps, arguments.rope_weights)
        for way, (name, settings) in ways.items():
            found = score_estimator(name, settings, clips, body, arguments.device)
            rows |= {f"{way}, {kind}": figures for kind, figures in found.items()}
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    print(named_rows("", COLUMNS, rows))
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
