"""Arrays -> animation curves, as plain data that a writer hands to Blender in bulk."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .limbs import limb_confidence
from .pose import PersonMotion, bone_pose
from .quaternions import make_continuous
from .rest_bones import ROOT, RestBones
from .timing import KeyTimes

STILL: Final = 1e-6
"""A channel that never moves by more than this gets a single key."""


@dataclass(frozen=True)
class Curve:
    """One animation curve.

    Attributes:
        data_path: what it animates, from the owner of the action.
        index: element of a vector property.
        group: name of the group it is shown under.
        frames: float64 `[N]`, strictly rising scene frames.
        values: float64 `[N]`.
        held: bool `[N]`, the value stays until the next key; otherwise it runs straight to it.
    """

    data_path: str
    index: int
    group: str
    frames: NDArray[np.float64]
    values: NDArray[np.float64]
    held: NDArray[np.bool_]


def curve(data_path: str, index: int, group: str, times: KeyTimes, values: ArrayLike) -> Curve:
    """A curve with `values` `[M]` at `times`, or with one key where nothing moves."""
    values = np.asarray(values, dtype=np.float64)
    if np.ptp(values) <= STILL:
        return Curve(data_path, index, group, times.scene_frame[:1], values[:1], times.held[:1])
    return Curve(data_path, index, group, times.scene_frame, values, times.held)


def person_curves(
    motion: PersonMotion,
    valid: ArrayLike,
    rest: RestBones,
    rest_pelvis: ArrayLike,
    time_s: ArrayLike,
    times: KeyTimes,
    *,
    floor_y: float = 0.0,
    position_only: bool = False,
) -> list[Curve]:
    """Curves of an armature object that let it move as `motion` does; none where the person is never valid.

    Keys stand only where `valid`; over a gap the last pose is held.

    Args:
        motion: T clip frames.
        valid: bool `[T]`.
        rest: the armature.
        rest_pelvis: `[3]`, pelvis of the body's own rest space, metres, y up.
        time_s: `[T]`, rising time stamps, seconds.
        times: where the keys go.
        floor_y, position_only: as in `pose.bone_pose`.
    """
    usable = np.asarray(valid, dtype=bool) & motion.finite()
    times = times.select(usable[times.clip_frame])
    if len(times) == 0:
        return []
    frames = np.flatnonzero(usable)
    pose = bone_pose(
        motion.at(frames),
        rest,
        rest_pelvis,
        np.asarray(time_s, dtype=np.float64)[frames],
        floor_y=floor_y,
        position_only=position_only,
    )
    row = np.searchsorted(frames, times.clip_frame)
    path = 'pose.bones["{}"].{}'.format
    curves = [curve(path(ROOT, "location"), axis, ROOT, times, pose.root_location[row, axis]) for axis in range(3)]
    # unwrapped once more in the order in which the strip shows the frames
    curves.append(curve(path(ROOT, "rotation_euler"), 2, ROOT, times, np.unwrap(pose.root_heading[row])))
    pelvis = rest.names[1]
    curves += [curve(path(pelvis, "location"), i, pelvis, times, pose.pelvis_location[row, i]) for i in range(3)]
    rotations = make_continuous(pose.rotations[row])
    for joint, name in enumerate(rest.names[1:]):
        turns = rotations[:, joint]
        keyed = times if np.ptp(turns, axis=0).max() > STILL else times.select(np.arange(len(times)) == 0)
        curves += [
            Curve(path(name, "rotation_quaternion"), i, name, keyed.scene_frame, turns[: len(keyed), i], keyed.held)
            for i in range(4)
        ]
    return curves


def confidence_curves(confidence: ArrayLike, valid: ArrayLike, times: KeyTimes) -> list[Curve]:
    """A curve for each limb of the custom property `confidence_LIMB`: 0..1, and 0 where the person was not seen.

    Args:
        confidence: `[T,22]`, 0..1 for each body joint.
        valid: bool `[T]`.
        times: where the keys go.
    """
    valid = np.asarray(valid, dtype=bool)
    return [
        curve(
            f'["{confidence_property(limb)}"]', 0, "confidence", times, np.where(valid, values, 0.0)[times.clip_frame]
        )
        for limb, values in limb_confidence(confidence).items()
    ]


def confidence_property(limb: str) -> str:
    """Name of the custom property that holds a limb's confidence."""
    return f"confidence_{limb}"
