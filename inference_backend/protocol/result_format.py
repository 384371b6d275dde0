"""The keys of `result.npz`, and a reader for it. Needs numpy only, so that the add-on can use it; see
docs/result-format.md.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .errors import ErrorCode, RecoverError

FORMAT_VERSION: Final[int] = 1
"""Rises when a reader of an older version would misunderstand a file. New keys alone do not raise it."""

RESULT_NAME: Final[str] = "result.npz"
BODY_NAME: Final[str] = "body.npz"

UNREADABLE: Final = (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError)
"""What numpy raises over a `.npz` file that is absent, damaged or something else."""

# Shapes: T frames; a trailing part after the key. "" is a scalar.
CLIP_KEYS: Final[dict[str, tuple]] = {
    "time_s": ("T",),
    "frame_index": ("T",),
    "fps": (),
    "size_wh": (2,),
    "shot_id": ("T",),
    "K": ("T", 3, 3),
    "dist": (5,),
    "R_cam_to_world": ("T", 3, 3),
    "cam_pos_world": ("T", 3),
    "floor_y": (),
    "body_name": (),
    "body_sha256": (),
    "estimator": (),
    "warnings": ("W",),
    "person_ids": ("P",),
}
"""Keys of the clip, with shapes."""

OPTIONAL_CLIP_KEYS: Final[dict[str, tuple]] = {"stages_ran": ("S",), "camera_motion": ("N",)}
"""Keys of the clip that older files lack."""

_TEXTS: Final = frozenset({"body_name", "body_sha256", "estimator", "warnings"})

MOTION_KEYS: Final[dict[str, tuple]] = {
    "global_orient": ("T", 3),
    "body_pose": ("T", 21, 3),
    "transl": ("T", 3),
    "joints_world": ("T", 22, 3),
}
"""Keys of a motion: `p{id}_KEY` after cleaning, `p{id}_raw_KEY` before."""

PERSON_KEYS: Final[dict[str, tuple]] = {
    "betas": (10,),
    "valid": ("T",),
    **MOTION_KEYS,
    "left_hand_pose": ("T", 15, 3),
    "right_hand_pose": ("T", 15, 3),
    "joints_camera": ("T", 22, 3),
    "contact": ("T", 4),
    "confidence": ("T", 22),
    "box": ("T", 4),
    **{f"raw_{key}": shape for key, shape in MOTION_KEYS.items()},
}
"""Keys of a person, each prefixed with `p{id}_`, with shapes."""


def person_name(person_id: int) -> str:
    """What to call a person in front of people, who count from 1: `person 1` for the id 0."""
    return f"person {person_id + 1}"


@dataclass(frozen=True)
class Motion:
    """A motion in the world (metres, y up, floor at y = 0; axis-angle in radians). Zeros where not valid.

    Attributes:
        global_orient: `[T,3]`, pelvis to world; body_pose: `[T,21,3]`, joints 1..21 in their parents' frames.
        transl: `[T,3]`: the pelvis is at its resting place (for the betas) + transl.
        joints_world: `[T,22,3]`.
    """

    global_orient: NDArray[np.float32]
    body_pose: NDArray[np.float32]
    transl: NDArray[np.float32]
    joints_world: NDArray[np.float32]


@dataclass(frozen=True)
class PersonResult:
    """One person, over all T frames of the clip.

    Attributes:
        person_id: unique in the clip.
        betas: `[10]`.
        valid: bool `[T]`, the person's motion is known here; elsewhere all arrays hold zeros.
        motion: after cleaning; raw: before.
        left_hand_pose, right_hand_pose: `[T,15,3]`, axis-angle.
        joints_camera: `[T,22,3]`, metres, OpenCV axes (x right, y down, z forward).
        contact: bool `[T,4]`, left heel, left toe, right heel, right toe.
        confidence: `[T,22]`, 0..1.
        box: `[T,4]`, x0 y0 x1 y1, pixels of the upright frame.
        trajectory_report, physics_report: what these stages did, as docs/result-format.md says; empty where they did
            not run.
    """

    person_id: int
    betas: NDArray[np.float64]
    valid: NDArray[np.bool_]
    motion: Motion
    raw: Motion
    left_hand_pose: NDArray[np.float32]
    right_hand_pose: NDArray[np.float32]
    joints_camera: NDArray[np.float32]
    contact: NDArray[np.bool_]
    confidence: NDArray[np.float32]
    box: NDArray[np.float32]
    trajectory_report: Mapping[str, Any] = field(default_factory=dict)
    physics_report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A recovered clip of T frames.

    Attributes:
        time_s: `[T]`, seconds from the first frame of the file; frame_index: `[T]`, position in the file.
        fps: nominal frames per second; size_wh: pixels of the upright frame.
        shot_id: `[T]`.
        K: `[T,3,3]`, pixels; dist: `[5]`, OpenCV's k1 k2 p1 p2 k3.
        R_cam_to_world: `[T,3,3]`, cam_pos_world: `[T,3]`: x_world = R x_cam + p.
        floor_y: height of the floor, metres.
        body_name, body_sha256: the body that the motion belongs to; estimator: the name of the one that ran.
        warnings: sentences for the person.
        people: in order of their ids.
        stages_ran: names of the stages that took part, in order; empty where the file does not say.
        camera_motion: for each shot `still`, `turning`, `carried` or `unknown`; empty where the file does not say.
    """

    time_s: NDArray[np.float64]
    frame_index: NDArray[np.int64]
    fps: float
    size_wh: tuple[int, int]
    shot_id: NDArray[np.int64]
    K: NDArray[np.float64]
    dist: NDArray[np.float64]
    R_cam_to_world: NDArray[np.float64]
    cam_pos_world: NDArray[np.float64]
    floor_y: float
    body_name: str
    body_sha256: str
    estimator: str
    warnings: tuple[str, ...]
    people: tuple[PersonResult, ...]
    stages_ran: tuple[str, ...] = ()
    camera_motion: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.time_s)


def load_result(path: Path) -> Result:
    """Read a `result.npz`. Keys that this version does not know are ignored.

    Args:
        path: the file.

    Raises:
        RecoverError: `BAD_INPUT` when it is absent, damaged, no result, or was written by a newer version.
    """
    arrays = _read(path)
    if "format_version" not in arrays:
        raise _bad(path, "is not a result of Recover Motion: it has no format_version")
    version = arrays["format_version"]
    if version.shape != () or version.dtype.kind not in "iu":
        raise _bad(path, "has a format_version that is not a whole number")
    if version > FORMAT_VERSION:
        raise _bad(
            path,
            f"was written by a newer version (format {int(version)}; this one reads up to {FORMAT_VERSION})",
            "Update this program, or recover the clip again with it.",
        )
    sizes: dict[str, int] = {}
    clip = {key: _checked(path, arrays, key, shape, sizes) for key, shape in CLIP_KEYS.items()}
    people = []
    for person in clip["person_ids"].tolist():
        own = {key: _checked(path, arrays, f"p{person}_{key}", shape, sizes) for key, shape in PERSON_KEYS.items()}
        motion = Motion(**{key: own.pop(key) for key in MOTION_KEYS})
        raw = Motion(**{key: own.pop(f"raw_{key}") for key in MOTION_KEYS})
        reports = {key: _report(arrays, f"p{person}_{key}") for key in ("trajectory_report", "physics_report")}
        people.append(PersonResult(person_id=person, motion=motion, raw=raw, **own, **reports))
    del clip["person_ids"]
    clip |= {key: clip[key].item() for key in ("fps", "floor_y")}
    clip |= {key: str(clip[key]) for key in ("body_name", "body_sha256", "estimator")}
    clip |= {"size_wh": tuple(clip["size_wh"].tolist()), "warnings": tuple(clip["warnings"].tolist())}
    return Result(**clip, people=tuple(people), **{key: _words(arrays, key) for key in OPTIONAL_CLIP_KEYS})


def _words(arrays: dict[str, np.ndarray], key: str) -> tuple[str, ...]:
    """A row of texts; none where there is none that can be read, as nothing depends on it."""
    words = arrays.get(key)
    return tuple(words.tolist()) if words is not None and words.dtype.kind == "U" and words.ndim == 1 else ()


def _report(arrays: dict[str, np.ndarray], key: str) -> dict[str, Any]:
    """A report's JSON object; empty when there is none that can be read, as nothing depends on it."""
    text = arrays.get(key)
    if text is None or text.dtype.kind != "U" or text.ndim:
        return {}
    try:
        report = json.loads(str(text))
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def load_contacts(path: Path, frame_index: NDArray[np.int64]) -> dict[int, NDArray[np.bool_]]:
    """Read edited contacts: a `.npz` with `p{id}_contact` bool `[T,4]` for each person whose contacts are given.

    A whole `result.npz` is such a file. A person without the key keeps the contacts that are found.

    Args:
        path: the file.
        frame_index: int64 `[T]` of the clip; a `frame_index` in the file must equal it.

    Returns:
        Contacts `[T,4]` by person id.

    Raises:
        RecoverError: `BAD_INPUT` when the file is absent, damaged, or belongs to other frames.
    """
    arrays = _read(path)
    fitting = "Give the contacts of this result, not those of another clip or range."
    if "frame_index" in arrays and not np.array_equal(arrays["frame_index"], frame_index):
        raise _bad(path, "holds contacts for other frames than this clip's", fitting)
    contacts = {}
    for key, array in arrays.items():
        number = key.removeprefix("p").removesuffix("_contact")
        if key != f"p{number}_contact" or not number.isdecimal():
            continue
        if array.shape != (len(frame_index), 4) or array.dtype.kind not in "bui" or not np.isin(array, (0, 1)).all():
            raise _bad(path, f"should hold {key} as true / false of shape {(len(frame_index), 4)}", fitting)
        contacts[int(number)] = array.astype(bool)
    if not contacts:
        raise _bad(path, "holds no contacts (arrays named p0_contact, p1_contact, ...)", fitting)
    return contacts


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise _bad(path, "holds one array, not the named arrays of a result")
        with archive:
            return {key: archive[key] for key in archive.files}
    except FileNotFoundError:
        raise _bad(path, "is not there") from None
    except UNREADABLE as error:
        raise _bad(path, f"cannot be read; it is damaged or no .npz file ({error})") from error


def _checked(path: Path, arrays: dict[str, np.ndarray], key: str, shape: tuple, sizes: dict[str, int]) -> np.ndarray:
    if key not in arrays:
        raise _bad(path, f'lacks "{key}"')
    array = arrays[key]
    if array.dtype.kind not in ("U" if key in _TEXTS else "fiub"):
        raise _bad(path, f'holds "{key}" as {array.dtype}, which is the wrong kind')
    # A letter stands for a size that all keys share.
    expected = tuple(
        sizes.setdefault(size, array.shape[i]) if isinstance(size, str) and i < array.ndim else size
        for i, size in enumerate(shape)
    )
    if array.shape != expected:
        raise _bad(path, f'holds "{key}" of shape {array.shape} where {expected} belongs')
    return array


def _bad(path: Path, what: str, remedy: str = "Recover the clip again.") -> RecoverError:
    return RecoverError(ErrorCode.BAD_INPUT, f'"{path}" {what}.', remedy)
