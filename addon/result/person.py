"""One person of a result: armature, body, the cleaned motion in use and the raw one on a muted track."""

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference_backend.protocol.result_format import Motion, PersonResult
from ..compat import assign_action, assign_strip_action
from ..core.contacts import contact_curves
from ..core.keys import Curve, confidence_curves, person_curves
from ..core.pose import PersonMotion
from ..core.rest_bones import rest_bones
from ..core.timing import KeyTimes
from .actions import write_action
from .armature import build_armature
from .body_file import BodyFile, PersonShape
from .body_mesh import build_body

RAW_TRACK = "Raw motion"


@dataclass(frozen=True)
class PersonObjects:
    """What was built for one person."""

    person_id: int
    armature: bpy.types.Object
    mesh: bpy.types.Object


def build_person(
    name: str,
    person: PersonResult,
    shape: PersonShape,
    body: BodyFile,
    time_s: NDArray[np.float64],
    times: KeyTimes,
    collection: bpy.types.Collection,
    *,
    floor_y: float,
    position_only: bool,
    like: bpy.types.Object | None,
) -> Iterator[PersonObjects]:
    """Build a person in three steps: body, motion, raw motion. Yields the same objects after each.

    Args:
        name: of the armature.
        person: the motion.
        shape: the person's body.
        body: the body it is a shape of.
        time_s: `[T]`, seconds.
        times: where the keys go; only frames of the shot.
        collection: where everything goes.
        floor_y: height of the floor in the world, metres.
        position_only: the root does not turn.
        like: an earlier mesh object of the same body.
    """
    rest = rest_bones(shape.rest_joints, float(shape.vertices[:, 1].min()))
    armature = build_armature(name, rest, collection)
    mesh = build_body(f"{name} body", body, shape.betas, rest, armature, collection, like)
    objects = PersonObjects(person.person_id, armature, mesh)
    yield objects

    options = {"floor_y": floor_y, "position_only": position_only}
    cleaned = write_action(name, "OBJECT", cleaned_curves(person, shape, time_s, times, **options))
    assign_action(armature, cleaned)
    yield objects

    raw_curves = _motion_curves(person, person.raw, shape, time_s, times, **options)
    raw = write_action(f"{name} raw", "OBJECT", raw_curves)
    start, end = (float(frame) for frame in raw.action.frame_range)
    track = armature.animation_data.nla_tracks.new()
    track.name = RAW_TRACK
    track.mute = True
    strip = track.strips.new(raw.action.name, int(np.floor(start)), raw.action)
    assign_strip_action(strip, raw)
    strip.action_frame_start, strip.action_frame_end = start, end
    strip.frame_start, strip.frame_end = start, end
    yield objects


def cleaned_curves(
    person: PersonResult,
    shape: PersonShape,
    time_s: NDArray[np.float64],
    times: KeyTimes,
    *,
    floor_y: float,
    position_only: bool,
) -> list[Curve]:
    """Curves of a person's cleaned motion, with its confidence and contacts. Arguments as for `build_person`."""
    return [
        *_motion_curves(person, person.motion, shape, time_s, times, floor_y=floor_y, position_only=position_only),
        *confidence_curves(person.confidence, person.valid, times),
        *contact_curves(person.contact, times),
    ]


def _motion_curves(
    person: PersonResult,
    motion: Motion,
    shape: PersonShape,
    time_s: NDArray[np.float64],
    times: KeyTimes,
    *,
    floor_y: float,
    position_only: bool,
) -> list[Curve]:
    return person_curves(
        _with_hands(person, motion),
        person.valid,
        rest_bones(shape.rest_joints, float(shape.vertices[:, 1].min())),
        shape.rest_joints[0],
        time_s,
        times,
        floor_y=floor_y,
        position_only=position_only,
    )


def usable_frames(person: PersonResult) -> NDArray[np.bool_]:
    """Frames `[T]` in which a person has a pose to show."""
    return person.valid & _with_hands(person, person.motion).finite() & _with_hands(person, person.raw).finite()


def _with_hands(person: PersonResult, motion: Motion) -> PersonMotion:
    return PersonMotion(
        global_orient=motion.global_orient,
        body_pose=motion.body_pose,
        left_hand_pose=person.left_hand_pose,
        right_hand_pose=person.right_hand_pose,
        transl=motion.transl,
    )
