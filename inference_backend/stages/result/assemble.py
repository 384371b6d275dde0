"""Brings what the stages made into the arrays of `result.npz` (keys: `protocol.result_format`)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...body.body import Body
from ...body.hands import RELAXED_LEFT_HAND, RELAXED_RIGHT_HAND
from ...geometry.forward_kinematics import pose_joints
from ...protocol.result_format import FORMAT_VERSION, PERSON_KEYS
from ...records.camera import Camera, WorldFrame
from ...records.motion import Contacts, WorldMotion
from ...records.people import PersonTrack
from ...records.video import Shots, Video
from .rotations import continuous_rotvec

_FLOOR_Y = 0.0
_FRAMES_AT_ONCE = 2048


@dataclass(frozen=True)
class RecoveredPerson:
    """All that is known of one person: the track, the motion before and after cleaning (same frames), the contacts."""

    track: PersonTrack
    raw: WorldMotion
    cleaned: WorldMotion
    contacts: Contacts


def assemble(
    video: Video,
    shots: Shots,
    camera: Camera,
    world: WorldFrame,
    people: Sequence[RecoveredPerson],
    body: Body,
    estimator: str,
    notes: Sequence[str],
) -> dict[str, NDArray]:
    """The arrays of a result.

    Args:
        video, shots, camera, world: of the clip, T frames.
        people: in any order.
        body: that the motions belong to.
        estimator: name of the one that ran.
        notes: sentences for the person.

    Returns:
        Arrays by key. Frames in which a person is absent hold zeros and valid False; nothing is NaN.
    """
    people = sorted(people, key=lambda person: person.cleaned.person_id)
    arrays: dict[str, NDArray] = {
        "format_version": np.array(FORMAT_VERSION),
        "time_s": video.time_s,
        "frame_index": video.frame_index,
        "fps": np.array(float(video.fps)),
        "size_wh": np.array(video.size_wh, np.int64),
        "shot_id": shots.shot_id,
        "K": camera.K,
        "dist": camera.dist,
        "R_cam_to_world": world.R_cam_to_world,
        "cam_pos_world": world.cam_pos_world,
        "floor_y": np.array(_FLOOR_Y),
        "body_name": np.array(body.name),
        "body_sha256": np.array(body.sha256),
        "estimator": np.array(estimator),
        "warnings": np.array(list(notes), dtype=np.str_),
        "person_ids": np.array([person.cleaned.person_id for person in people], np.int64),
    }
    if camera.motion:
        arrays["camera_motion"] = np.array(camera.motion)
    for person in people:
        own = _person_arrays(person, len(video), world, body)
        arrays |= {f"p{person.cleaned.person_id}_{key}": own[key] for key in PERSON_KEYS}
        if person.cleaned.floor_y:
            arrays[f"p{person.cleaned.person_id}_floor_y"] = np.array(person.cleaned.floor_y)
    return arrays


def _person_arrays(person: RecoveredPerson, T: int, world: WorldFrame, body: Body) -> dict[str, NDArray]:
    cleaned, frames = person.cleaned, person.cleaned.frames
    known = cleaned.valid & person.raw.valid
    valid = _over_clip(known, known, frames, T)
    own = {"betas": cleaned.betas, "valid": valid}
    own |= _motion_arrays(cleaned, known, T, body)
    own |= {f"raw_{key}": array for key, array in _motion_arrays(person.raw, known, T, body).items()}
    # x_cam = R^T (x_world - p), row vectors
    in_camera = (own["joints_world"] - world.cam_pos_world[:, None]) @ world.R_cam_to_world
    own["joints_camera"] = np.where(valid[:, None, None], in_camera, 0.0).astype(np.float32)
    for side, hand in (("left", RELAXED_LEFT_HAND), ("right", RELAXED_RIGHT_HAND)):
        own[f"{side}_hand_pose"] = np.where(valid[:, None, None], hand.astype(np.float32), np.float32(0))
    own["contact"] = _over_clip(person.contacts.contact, known, frames, T)
    own["confidence"] = _over_clip(cleaned.confidence, known, frames, T)
    rows = np.isin(person.track.frames, frames[known])
    own["box"] = _over_clip(person.track.box, rows, person.track.frames, T)
    return own


def _motion_arrays(motion: WorldMotion, known: NDArray[np.bool_], T: int, body: Body) -> dict[str, NDArray]:
    frames = motion.frames
    with torch.no_grad():
        betas = torch.as_tensor(motion.betas, dtype=body.v_template.dtype, device=body.v_template.device)
        rest = body.rest_joints(betas)[:22].cpu().numpy()
    joints = np.zeros((len(frames), 22, 3), np.float32)
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        joints[part] = pose_joints(rest, motion.global_orient[part], motion.body_pose[part], motion.transl[part])[0]
    return {
        "global_orient": _over_clip(continuous_rotvec(motion.global_orient, known), known, frames, T),
        "body_pose": _over_clip(continuous_rotvec(motion.body_pose, known), known, frames, T),
        "transl": _over_clip(motion.transl, known, frames, T),
        "joints_world": _over_clip(joints, known, frames, T),
    }


def _over_clip(values: NDArray, known: NDArray[np.bool_], frames: NDArray[np.int64], T: int) -> NDArray:
    """Values `[N,...]` of a track's frames as `[T,...]`, zeros elsewhere and where not known; numbers as float32."""
    out = np.zeros((T, *values.shape[1:]), bool if values.dtype == bool else np.float32)
    out[frames[known]] = values[known]
    return out
