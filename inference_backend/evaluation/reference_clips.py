"""The `clips` protocol: real clips with reference joints, scored in the camera's frame.

A folder of clips: `X.mp4` beside `X.npz`, which holds `joints_cam`, `joints_world` (z up) `[T,J,3]` in metres,
`joint_names`, `valid`, `visible` `[T,J]`, `K`, `dist`, `fps` and `joints_2d`. Scored are hips, knees, ankles,
shoulders, elbows and wrists; the root is the midpoint of the hips.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.skeleton import BODY_JOINTS
from .protocols import Pair, score_clip

Array = NDArray[np.float64]

CORE: Final = tuple(f"{s}_{p}" for p in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for s in ("l", "r"))
FEET: Final = ("l_ankle", "r_ankle", "l_heel", "r_heel", "l_ball", "r_ball", "l_toe", "r_toe")
_FROM_BODY: Final = {f"{s[0]}_{p}": f"{s}_{p}" for s in ("left", "right") for p in ("hip", "knee", "ankle")} | {
    f"{s[0]}_{a}": f"{s}_{b}"
    for s in ("left", "right")
    for a, b in (("ball", "foot"), ("shoulder", "shoulder"), ("elbow", "elbow"), ("wrist", "wrist"))
}


@dataclass(frozen=True)
class ReferenceClip:
    """A clip's reference; arrays as in the module's description, joints by name."""

    name: str
    video: Path
    fps: float
    K: Array
    dist: Array
    names: tuple[str, ...]
    joints_cam: Array
    joints_world: Array
    joints_2d: Array
    valid: NDArray[np.bool_]
    visible: NDArray[np.bool_]

    @property
    def occluded(self) -> bool:
        """Something was put in front of the person (a variant of another clip)."""
        return "__" in self.name


def load_clip(path: Path) -> ReferenceClip:
    """Read one reference.

    Raises:
        RecoverError: `bad_input` when it is none.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            dist = np.zeros(5)
            given = data["dist"].ravel()
            dist[: len(given)] = given
            return ReferenceClip(
                name=path.stem,
                video=path.with_suffix(".mp4"),
                fps=float(data["fps"]),
                K=data["K"].astype(np.float64),
                dist=dist,
                names=tuple(str(name) for name in data["joint_names"]),
                joints_cam=data["joints_cam"].astype(np.float64),
                joints_world=data["joints_world"].astype(np.float64),
                joints_2d=data["joints_2d"].astype(np.float64),
                valid=data["valid"].astype(bool),
                visible=data["visible"].astype(bool),
            )
    except (OSError, ValueError, KeyError) as error:
        raise RecoverError(
            ErrorCode.BAD_INPUT, f"{path} is not the reference of a clip ({error}).", "Name a folder of such clips."
        ) from error


def by_reference_name(joints: Array, names: tuple[str, ...]) -> Array:
    """Body joints `[T,22,3]` in the order of a reference's names, NaN where the body has no such joint."""
    out = np.full((len(joints), len(names), 3), np.nan)
    for column, name in enumerate(names):
        if name in _FROM_BODY:
            out[:, column] = joints[:, BODY_JOINTS.index(_FROM_BODY[name])]
    for middle, part in (("pelvis", "hip"), ("mid_shoulder", "shoulder")):
        if middle in names:
            left, right = (joints[:, BODY_JOINTS.index(f"{side}_{part}")] for side in ("left", "right"))
            out[:, names.index(middle)] = 0.5 * (left + right)
    return out


def score(pred: Array, clip: ReferenceClip) -> dict[str, float]:
    """Score joints in the camera's frame.

    Args:
        pred: `[T,J,3]` in the order of `clip.names`, NaN where there is none.
        clip: the reference.

    Returns:
        PA-MPJPE, MPJPE, each also over visible and occluded joints, Abs-, W- and WA-MPJPE, RTE-mm (mm), Accel, G-Accel
        (m/s^2), Jitter, Jitter-ref (10 m/s^3), FS, FS-ref (mm per 1/30 s), coverage (%).
    """
    missing = ~clip.valid[..., None]
    missing[:, clip.names.index("pelvis")] = False  # the root is none of the scored joints
    feet = [clip.names.index(name) for name in FEET if name in clip.names]
    up = clip.joints_world[:, feet]
    return score_clip(
        Pair(
            name=clip.name,
            fps=clip.fps,
            joint_names=tuple(_FROM_BODY.get(name, name) for name in clip.names),
            pred_camera=pred,
            ref_camera=np.where(missing, np.nan, clip.joints_cam),
            pred_world=pred,
            ref_world=np.where(missing, np.nan, clip.joints_world),
            visible=clip.visible,
            pred_feet=pred[:, feet],
            ref_feet=np.stack([up[..., 0], up[..., 2], -up[..., 1]], axis=-1),
        )
    )


def nearest_person(people: list[Array], clip: ReferenceClip) -> int:
    """Which of several people the reference means: the one whose joints project nearest to the reference's.

    Args:
        people: joints `[T,J,3]` in the camera's frame, order of `clip.names`, NaN where there are none.
        clip: the reference; its K is used for all.

    Returns:
        Index of the person with the least median distance of joints in pixels, a missing frame counting as far away.
    """
    core = [clip.names.index(name) for name in CORE]
    far = float(np.nanmax(np.abs(clip.joints_2d)))
    distances = []
    for joints in people:
        with np.errstate(invalid="ignore", divide="ignore"):
            pixels = (joints[:, core] / joints[:, core, 2:]) @ clip.K.T
        miss = np.linalg.norm(pixels[..., :2] - clip.joints_2d[:, core], axis=-1)
        distances.append(float(np.median(np.where(np.isfinite(miss), miss, far))))
    return int(np.argmin(distances))
